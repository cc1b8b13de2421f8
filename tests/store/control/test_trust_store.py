"""Epochs, names, events and their cursors, over restarts."""

from pathlib import Path

import pytest

from chatixia.core.task import fence_key
from chatixia.errors import NameTaken
from chatixia.store.control.rows import KeyRow, MemberRow
from chatixia.wire.trust import Signed

from .kit import Clock, Ledger


async def test_epochs_rise_for_everyone_and_over_restarts(tmp_path: Path):
    epochs: list[str] = []
    world = Clock()
    for _ in range(3):
        async with Ledger(tmp_path, world) as ledger:
            epochs += [
                await ledger.store.members.next_epoch("default", who, "a" * 16)
                for who in ("bob", "bob", "pi~aaaaaa")
            ]
    keys = [fence_key(text) for text in epochs]
    assert keys == sorted(set(keys))
    assert len({high for high, _ in keys}) == 1


async def test_names_in_use(ledger: Ledger):
    store = ledger.store
    await store.members.put(MemberRow("default", "pi", "machine", 1, "k", b"[]"))
    await store.keys.put(KeyRow("id1", "default", "curl", b"h" * 32))
    await store.keys.put(KeyRow("id2", "default", "old", b"i" * 32, not_after=store.now() + 1))
    ledger.world.advance(2)
    known = {
        name: await store.members.knows("default", name) for name in ("pi", "curl", "old", "eve")
    }
    assert known == {"pi": True, "curl": True, "old": False, "eve": False}
    assert not await store.members.knows("other", "pi")


async def test_a_name_is_a_members_or_an_api_keys(ledger: Ledger):
    """Whichever came first, and a member's also when its row is gone."""
    store = ledger.store
    await store.keys.put(KeyRow("id1", "default", "curl", b"h" * 32))
    with pytest.raises(NameTaken):
        await store.members.put(MemberRow("default", "curl", "agent", 1, "k", b"[]"))
    await store.members.put(MemberRow("other", "curl", "agent", 1, "k", b"[]"))
    await store.members.put(MemberRow("default", "pi", "machine", 1, "k", b"[]"))
    for _ in range(2):
        with pytest.raises(NameTaken):
            await store.keys.put(KeyRow("id2", "default", "pi", b"i" * 32))
        await store.members.remove("default", "pi")
    assert [await store.keys.named("default", name) for name in ("curl", "pi")] == [True, False]
    await store.keys.revoke("default", "id1")
    known = await store.keys.get("default", "id1")
    assert known is not None and (known.name, known.revoked) == ("curl", True)
    assert await store.keys.get("default", "id2") is await store.keys.get("other", "id1") is None
    await store.members.put(MemberRow("default", "curl", "agent", 1, "k", b"[]"))


async def test_members_are_paged_by_name(ledger: Ledger):
    for n in (3, 1, 2):
        await ledger.store.members.put(MemberRow("default", f"a{n}", "agent", 1, "k", b"[]"))
    first = await ledger.store.members.page("default", limit=2)
    assert [row.id for row in first] == ["a1", "a2"]
    assert [row.id for row in await ledger.store.members.page("default", "a2", 2)] == ["a3"]


async def test_a_key_is_touched_once_a_minute(ledger: Ledger):
    await ledger.store.keys.put(KeyRow("id1", "default", "curl", b"h" * 32))
    first = ledger.store.now()
    await ledger.store.keys.touch("id1")
    ledger.world.advance(59)
    await ledger.store.keys.touch("id1")
    assert (await ledger.store.keys.page("default"))[0].last_used == first
    ledger.world.advance(2)
    await ledger.store.keys.touch("id1")
    assert (await ledger.store.keys.page("default"))[0].last_used == first + 61


async def test_what_an_owner_said_last_is_kept_over_restarts(tmp_path: Path):
    first, last = Signed("b", "s"), Signed("c", "t")
    async with Ledger(tmp_path, Clock()) as ledger:
        owners = ledger.store.owners
        assert (await owners.confirmation(), await owners.delegation()) == (None, [])
        for said in (first, last):
            await owners.confirm(said)
            await owners.delegate([said, first])
    async with Ledger(tmp_path, Clock()) as ledger:
        owners = ledger.store.owners
        assert (await owners.confirmation(), await owners.delegation()) == (last, [last, first])
