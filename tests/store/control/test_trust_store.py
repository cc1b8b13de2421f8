"""Epochs, names, events and their cursors, over restarts."""

from pathlib import Path

import pytest

from chatixia.core.task import fence_key
from chatixia.errors import BadRequest, CursorExpired, NameTaken
from chatixia.store.control.rows import KeyRow, MemberRow

from .kit import Clock, Ledger


async def test_epochs_rise_for_everyone_and_over_restarts(tmp_path: Path):
    epochs: list[str] = []
    world = Clock()
    for _ in range(3):
        async with Ledger(tmp_path, world) as ledger:
            epochs += [
                await ledger.store.next_epoch("default", who, "a" * 16)
                for who in ("bob", "bob", "pi~aaaaaa")
            ]
    keys = [fence_key(text) for text in epochs]
    assert keys == sorted(set(keys))
    assert len({high for high, _ in keys}) == 1


async def test_events_come_after_their_cursor_in_order(ledger: Ledger):
    store = ledger.store
    start = await store.cursor()
    for n in range(5):
        await store.put_event("agent", f"a{n}", "joined", b'{"n":%d}' % n)
    events = await store.events_after(start, 3)
    assert [(e.id, e.body) for e in events] == [(f"a{n}", b'{"n":%d}' % n) for n in range(3)]
    more = await store.events_after(events[-1].cursor)
    assert [e.id for e in more] == ["a3", "a4"]
    assert more[-1].cursor == await store.cursor()
    assert await store.events_after(more[-1].cursor) == []
    assert [e.id for e in await store.events_after("")] == [f"a{n}" for n in range(5)]


async def test_a_cursor_of_another_generation_is_expired(ledger: Ledger):
    with pytest.raises(CursorExpired):
        await ledger.store.events_after(f"{ledger.store.generation - 1}.0")
    with pytest.raises(BadRequest):
        await ledger.store.events_after("what is this")


async def test_names_in_use(ledger: Ledger):
    store = ledger.store
    await store.put_member(MemberRow("default", "pi", "machine", 1, "k", b"[]"))
    await store.put_key(KeyRow("id1", "default", "curl", b"h" * 32))
    await store.put_key(KeyRow("id2", "default", "old", b"i" * 32, not_after=store.now() + 1))
    ledger.world.advance(2)
    known = {name: await store.knows("default", name) for name in ("pi", "curl", "old", "eve")}
    assert known == {"pi": True, "curl": True, "old": False, "eve": False}
    assert not await store.knows("other", "pi")


async def test_a_name_is_a_members_or_an_api_keys(ledger: Ledger):
    """Whichever came first, and a member's also when its row is gone."""
    store = ledger.store
    await store.put_key(KeyRow("id1", "default", "curl", b"h" * 32))
    with pytest.raises(NameTaken):
        await store.put_member(MemberRow("default", "curl", "agent", 1, "k", b"[]"))
    await store.put_member(MemberRow("other", "curl", "agent", 1, "k", b"[]"))
    await store.put_member(MemberRow("default", "pi", "machine", 1, "k", b"[]"))
    for _ in range(2):
        with pytest.raises(NameTaken):
            await store.put_key(KeyRow("id2", "default", "pi", b"i" * 32))
        await store.remove_member("default", "pi")
    assert [await store.key_named("default", name) for name in ("curl", "pi")] == [True, False]
    await store.revoke_key("default", "id1")
    await store.put_member(MemberRow("default", "curl", "agent", 1, "k", b"[]"))


async def test_members_are_paged_by_name(ledger: Ledger):
    for n in (3, 1, 2):
        await ledger.store.put_member(MemberRow("default", f"a{n}", "agent", 1, "k", b"[]"))
    first = await ledger.store.members("default", limit=2)
    assert [row.id for row in first] == ["a1", "a2"]
    assert [row.id for row in await ledger.store.members("default", "a2", 2)] == ["a3"]


async def test_a_key_is_touched_once_a_minute(ledger: Ledger):
    await ledger.store.put_key(KeyRow("id1", "default", "curl", b"h" * 32))
    first = ledger.store.now()
    await ledger.store.touch_key("id1")
    ledger.world.advance(59)
    await ledger.store.touch_key("id1")
    assert (await ledger.store.keys("default"))[0].last_used == first
    ledger.world.advance(2)
    await ledger.store.touch_key("id1")
    assert (await ledger.store.keys("default"))[0].last_used == first + 61
