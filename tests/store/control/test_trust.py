"""What the trust tables hold: single use, serials that never fall, secrets as hashes only."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from chatixia.errors import (
    BadInvitation,
    Conflict,
    NameTaken,
    NotFound,
    Revoked,
)
from chatixia.store.control import trust
from chatixia.store.control.rows import InvitationRow, KeyRow, MemberRow, RevocationRow

from .kit import Ledger


def member(id: str = "pi", serial: int = 1, **more: object) -> MemberRow:
    row = MemberRow("default", id, "machine", serial, f"key-{id}", b"[%d]" % serial)
    return msgspec.structs.replace(row, **more)  # type: ignore[arg-type]


def invitation(ledger: Ledger, key: str = "k1", **more: object) -> InvitationRow:
    row = InvitationRow(key, "default", "pi", b"[]", ledger.store.now() + 900)
    return msgspec.structs.replace(row, **more)  # type: ignore[arg-type]


def revocation(id: str = "pi", serial: int = 1, version: int = 0) -> RevocationRow:
    return RevocationRow(version, "default", id, serial, b'{"b":"x","s":"y"}')


# --- members


async def test_a_member_is_kept_with_its_bytes(ledger: Ledger):
    await ledger.store.members.put(member(ephemeral=True))
    known = await ledger.store.members.get("default", "pi")
    assert known.serial == 1
    assert known.member == member(ephemeral=True, since=known.member.since)  # type: ignore[union-attr]
    assert (await ledger.store.members.get("default", "eve")).member is None


async def test_serials_never_fall(ledger: Ledger):
    await ledger.store.members.put(member(serial=5))
    await ledger.store.members.put(member(serial=5))
    with pytest.raises(Conflict):
        await ledger.store.members.put(member(serial=4))
    with pytest.raises(Conflict):
        await ledger.store.members.put(member(serial=5, chain=b"[other]"))
    assert await ledger.store.members.remove("default", "pi")
    assert not await ledger.store.members.remove("default", "pi")
    with pytest.raises(Conflict):
        await ledger.store.members.put(member(serial=4))
    await ledger.store.members.put(member(serial=6))


async def test_of_two_that_judged_the_same_one_comes_first(ledger: Ledger):
    puts = [ledger.store.members.put(member(serial=n), expect=0) for n in (1, 2)]
    answers = await asyncio.gather(*puts, return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["Conflict", "NoneType"]


# --- invitations


async def test_an_invitation_is_used_once_even_by_two_at_once(ledger: Ledger):
    await ledger.store.invitations.put(invitation(ledger))
    tries = [
        ledger.store.invitations.redeem("k1", member(key=f"key-{n}", chain=b"[%d]" % n), origin="x")
        for n in range(8)
    ]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    won = [a for a in answers if isinstance(a, InvitationRow)]
    assert len(won) == 1
    assert all(isinstance(a, BadInvitation) for a in answers if not isinstance(a, InvitationRow))
    known = await ledger.store.members.get("default", "pi")
    assert known.member
    assert known.member.key == won[0].joined_key


async def test_the_same_machine_again_gets_the_same_answer(ledger: Ledger):
    await ledger.store.invitations.put(invitation(ledger))
    first = await ledger.store.invitations.redeem("k1", member(), origin="10.0.0.1")
    ledger.world.advance(10_000)
    assert await ledger.store.invitations.redeem("k1", member(), origin="10.0.0.2") == first
    assert (await ledger.store.invitations.get("k1")) == first


async def test_a_refused_member_does_not_use_the_invitation_up(ledger: Ledger):
    await ledger.store.invitations.put(invitation(ledger))
    with pytest.raises(Conflict):
        await ledger.store.invitations.redeem("k1", member(), origin="x", expect=7)
    row = await ledger.store.invitations.get("k1")
    assert row
    assert row.state(ledger.store.now()) == "waiting"
    await ledger.store.invitations.redeem("k1", member(), origin="x", expect=0)


async def test_a_withdrawn_invitation_joins_nobody_and_its_serial_stays_known(ledger: Ledger):
    for key, more in {"k1": {}, "k2": {"names": "w-*", "reusable": True}}.items():
        await ledger.store.invitations.put(invitation(ledger, key, **more))
    waited = await ledger.store.invitations.get("k1")
    assert waited is not None
    names = waited.names
    ended = await ledger.store.invitations.withdraw(waited.ns, names, lambda chain: 7)
    assert [(row.key, row.state(ledger.store.now())) for row in ended] == [("k1", "withdrawn")]
    assert (await ledger.store.members.get(waited.ns, names)).serial == 7
    with pytest.raises(BadInvitation):
        await ledger.store.invitations.redeem("k1", member(), origin="x")
    assert await ledger.store.invitations.withdraw(waited.ns, names, lambda chain: 7) == []
    many = await ledger.store.invitations.withdraw(waited.ns, "w-*", lambda chain: 7)
    assert [row.key for row in many] == ["k2"]
    assert (await ledger.store.members.get(waited.ns, "w-*")).serial == 0


async def test_a_late_or_unknown_invitation_joins_nobody(ledger: Ledger):
    await ledger.store.invitations.put(invitation(ledger))
    with pytest.raises(BadInvitation):
        await ledger.store.invitations.redeem("k2", member(), origin="x")
    ledger.world.wall_now -= 3600  # the wall does not bring it back
    ledger.world.advance(901)
    with pytest.raises(BadInvitation):
        await ledger.store.invitations.redeem("k1", member(), origin="x")
    assert (await ledger.store.members.get("default", "pi")).member is None


async def test_a_reusable_one_joins_many(ledger: Ledger):
    await ledger.store.invitations.put(invitation(ledger, reusable=True))
    for name in ("w-1", "w-2"):
        await ledger.store.invitations.redeem("k1", member(name), origin="x")
    assert [row.id for row in await ledger.store.members.page("default")] == ["w-1", "w-2"]


async def test_another_invitation_under_the_same_key_is_a_conflict(ledger: Ledger):
    row = invitation(ledger)
    await ledger.store.invitations.put(row)
    await ledger.store.invitations.put(row)
    with pytest.raises(Conflict):
        await ledger.store.invitations.put(msgspec.structs.replace(row, chain=b"[2]"))


# --- revocations


async def test_a_revoked_id_is_a_tombstone_until_a_higher_record(ledger: Ledger):
    await ledger.store.members.put(member(serial=3))
    kept = await ledger.store.revocations.put(revocation(serial=3))
    assert kept.version == 1
    known = await ledger.store.members.get("default", "pi")
    assert (known.tombstone, known.member) == (True, None)
    with pytest.raises(Revoked):
        await ledger.store.members.put(member(serial=3))
    await ledger.store.members.put(member(serial=4))
    assert not (await ledger.store.members.get("default", "pi")).tombstone


async def test_the_list_rises_and_a_repeat_is_the_first(ledger: Ledger):
    first = await ledger.store.revocations.put(revocation("a"))
    assert await ledger.store.revocations.put(revocation("a")) == first
    await ledger.store.revocations.put(revocation("b", version=7))
    with pytest.raises(Conflict):
        await ledger.store.revocations.put(revocation("c", version=7))
    await ledger.store.revocations.put(revocation("c"))
    assert [row.version for row in await ledger.store.revocations.after()] == [1, 7, 8]
    assert [row.id for row in await ledger.store.revocations.after(1)] == ["b", "c"]


async def test_a_restored_backup_hears_of_revocations_again(tmp_path: Path):
    async with Ledger(tmp_path) as first:
        await first.store.members.put(member())
    backup = (tmp_path / "registry.db").read_bytes()
    async with Ledger(tmp_path) as second:
        await second.store.revocations.put(revocation())
    (tmp_path / "registry.db").write_bytes(backup)
    with (tmp_path / "revocations.jsonl").open("ab") as file:
        file.write(b'{"version":2,"ns":"torn')  # a write that was cut off
    async with Ledger(tmp_path) as third:
        assert (await third.store.members.get("default", "pi")).tombstone
        assert [row.id for row in await third.store.revocations.after()] == ["pi"]
        await third.store.revocations.put(revocation("eve"))
    rows = list(trust.RevocationFile(tmp_path).rows())
    assert [row.id for row in rows] == ["pi", "eve"]
    assert (tmp_path / "revocations.jsonl").stat().st_mode & 0o777 == 0o600


# --- keys


async def test_keys_are_found_by_hash_until_they_end(ledger: Ledger):
    store = ledger.store
    await store.keys.put(KeyRow("id1", "default", "curl", b"h" * 32, not_after=store.now() + 100))
    found = await store.keys.by_digest(b"h" * 32)
    assert found
    assert (found.name, found.revoked) == ("curl", False)
    await store.keys.touch("id1")
    [row] = await store.keys.page("default")
    assert row.last_used == store.now()
    ledger.world.advance(101)
    assert await store.keys.by_digest(b"h" * 32) is None


async def test_a_revoked_key_is_no_key(ledger: Ledger):
    await ledger.store.keys.put(KeyRow("id1", "default", "curl", b"h" * 32))
    assert (await ledger.store.keys.revoke("default", "id1")).revoked
    assert await ledger.store.keys.by_digest(b"h" * 32) is None
    with pytest.raises(NotFound):
        await ledger.store.keys.revoke("default", "id2")
    await ledger.store.keys.put(KeyRow("id3", "default", "curl", b"i" * 32))


async def test_a_key_takes_no_name_that_is_in_use(ledger: Ledger):
    await ledger.store.members.put(member())
    await ledger.store.keys.put(KeyRow("id1", "default", "curl", b"h" * 32))
    for name in ("pi", "curl"):
        with pytest.raises(NameTaken):
            await ledger.store.keys.put(KeyRow("id2", "default", name, b"i" * 32))


async def test_failures_are_counted_in_a_window_and_bounded(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trust, "MAX_FAILURES", 3)
    write = ledger.store.access.write
    noted = [await write(trust.note_failure, "join", 300.0) for _ in range(5)]
    assert noted == [1, 2, 3, 4, 4]
    assert await write(trust.failures, "join", 300.0) == 3
    assert await write(trust.failures, "code", 300.0) == 0
    ledger.world.advance(301)
    assert await write(trust.failures, "join", 300.0) == 0


async def test_a_reusable_invitation_lets_in_as_many_as_its_owner_said(ledger: Ledger):
    many = invitation(ledger, names="w-*", reusable=True, most=2)
    await ledger.store.invitations.put(many)
    one, two = member("w-1"), member("w-2")
    for each in (one, two, one, two):  # again: the answer was lost
        await ledger.store.invitations.redeem("k1", each, origin="x")
    with pytest.raises(BadInvitation, match="for 2 machines, and all have joined"):
        await ledger.store.invitations.redeem("k1", member("w-3"), origin="x")
    row = await ledger.store.invitations.get("k1")
    assert row and (row.joins, row.most) == (2, 2)


async def test_of_an_ephemeral_member_nothing_is_left_but_its_revocation(ledger: Ledger):
    store, end = ledger.store, ledger.store.now() + 100
    for name in ("gone", "out"):
        await store.members.put(member(name, ephemeral=True, not_after=end))
        await store.members.next_epoch("default", name, "a" * 16)
    await store.members.put(member("stays", not_after=end))
    await store.members.put(member("lives", ephemeral=True, not_after=end + 100))
    await store.revocations.put(revocation("out"))
    assert await store.members.drop_ended() == []
    ledger.world.advance(101)
    assert await store.members.drop_ended() == ["gone"]
    assert await store.members.drop_ended() == []
    assert [row.id for row in await store.members.page("default")] == ["lives", "stays"]
    assert (await store.members.get("default", "gone")).serial == 0
    assert (await store.members.get("default", "out")).tombstone
    epochs = store.resources.state.tx.db.execute("SELECT agent FROM epochs").fetchall()
    assert epochs == [("out",)]
