"""Described agents that ask: codes that are good once, a share of them, and keys that end."""

from __future__ import annotations

import pytest

from chatixia.core.pairing import MOST_WRONG
from chatixia.errors import NameTaken, NotFound, Overloaded
from chatixia.store.control.devices import MOST_CODES_OF_KEY, REJECTED_SECONDS
from chatixia.store.control.rows import DeviceRow, KeyRow

from .kit import Ledger

CODE = b"c" * 32


def row(id: str = "i", peer: str = "agent-000001") -> DeviceRow:
    return DeviceRow(0, id, "default", "Rusty", peer, "")


def key(name: str, id: str = "k") -> KeyRow:
    return KeyRow(id, "default", name, id.encode() * 32)


async def test_a_code_is_good_once_and_a_wrong_one_is_counted(ledger: Ledger):
    store = ledger.store
    await store.devices.put_code("default", "inviter", CODE)
    assert await store.devices.begin(b"w" * 32, row()) is None
    first = await store.devices.begin(CODE, row())
    assert first is not None and (first.state, first.inviter) == ("pending_approval", "inviter")
    assert await store.devices.begin(CODE, row("j", "agent-000002")) is None
    for _ in range(MOST_WRONG - 2):
        await store.devices.begin(b"w" * 32, row("j"))
    with pytest.raises(Overloaded, match="rest"):
        await store.devices.begin(CODE, row("j"))


async def test_a_key_has_its_share_of_codes(ledger: Ledger):
    for n in range(MOST_CODES_OF_KEY):
        await ledger.store.devices.put_code("default", "a", bytes([n]) * 32)
    with pytest.raises(Overloaded):
        await ledger.store.devices.put_code("default", "a", b"x" * 32)
    assert await ledger.store.devices.put_code("default", "b", b"x" * 32)


async def test_approve_makes_its_key_and_a_revoked_key_shows(ledger: Ledger):
    store = ledger.store
    await store.devices.put_code("default", "a", CODE)
    await store.devices.begin(CODE, row())
    approved = await store.devices.approve("i", key("agent-000001"))
    assert (approved.state, approved.key) == ("approved", "k")
    with pytest.raises(NotFound):
        await store.devices.approve("i", key("agent-000001", "l"))
    with pytest.raises(NotFound):
        await store.devices.reject("i")
    await store.keys.revoke("default", "k")
    gone = await store.devices.get("i")
    assert gone is not None and gone.state == "revoked"
    assert [one.state for one in await store.devices.page("default", "", 0, 9)] == ["revoked"]


async def test_an_id_that_is_somebodys_is_refused_and_the_code_stays_good(ledger: Ledger):
    store = ledger.store
    await store.keys.put(key("agent-000001"))
    await store.devices.put_code("default", "a", CODE)
    with pytest.raises(NameTaken):
        await store.devices.begin(CODE, row())
    assert await store.devices.begin(CODE, row("j", "agent-000002"))
    await store.devices.reject("j")
    with pytest.raises(NotFound):
        await store.devices.reject("nobody")


async def test_who_is_out_is_forgotten_and_who_is_in_is_not(ledger: Ledger):
    store = ledger.store
    for n, end in enumerate(("approve", "revoke", "reject", "wait")):
        id, peer = f"i{n}", f"agent-00000{n}"
        await store.devices.put_code("default", "a", CODE)
        await store.devices.begin(CODE, row(id, peer))
        if end in ("approve", "revoke"):
            await store.devices.approve(id, key(peer, f"k{n}"))
        if end == "reject":
            await store.devices.reject(id)

    async def listed() -> list[str]:
        await store.upkeep.tidy()
        return [one.id for one in await store.devices.page("default", "", 0, 9)]

    ledger.world.advance(REJECTED_SECONDS - 10.0)
    await store.keys.revoke("default", "k1")  # seven days are counted from here
    assert await listed() == ["i0", "i1", "i2"]
    ledger.world.advance(20.0)
    assert await listed() == ["i0", "i1"]
    ledger.world.advance(float(REJECTED_SECONDS))
    assert await listed() == ["i0"]
    await store.devices.put_code("default", "a", CODE)
    with pytest.raises(NameTaken):  # an agent may name it still
        await store.devices.begin(CODE, row("again", "agent-000001"))
