"""Members, invitations, keys, revocations: the tables that say who may come in.

Every function runs in the writer's transaction; secrets are kept as SHA-256 only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from chatixia.core.invitation import used_up
from chatixia.core.task import fence_text
from chatixia.errors import (
    BadInvitation,
    Conflict,
    MeshError,
    NameTaken,
    NotFound,
    Revoked,
)

from .clock import sync_folder
from .rows import IdStanding, InvitationRow, KeyRow, MemberRow, OwnerRow, RevocationRow
from .tx import Transaction

MAX_FAILURES: Final = 10_000

SerialOf = Callable[[bytes], int]
"""Reads the serial of the leaf of a chain's bytes."""


def fields(row: msgspec.Struct) -> dict[str, Any]:
    """A row struct as parameters."""
    return {name: getattr(row, name) for name in row.__struct_fields__}


def member_of(columns: Any) -> MemberRow | None:
    """The statement ``member``'s columns as a struct."""
    if columns is None:
        return None
    row = dict(zip(MemberRow.__struct_fields__, columns, strict=True))
    row["ephemeral"] = bool(row["ephemeral"])
    return MemberRow(**row)


def invitation_of(columns: Any) -> InvitationRow | None:
    """The statement ``invitation``'s columns as a struct."""
    if columns is None:
        return None
    names = InvitationRow.__struct_fields__
    row = dict(zip(names, columns, strict=True))
    row["reusable"], row["ephemeral"] = bool(row["reusable"]), bool(row["ephemeral"])
    return InvitationRow(**row)


def key_of(columns: Any) -> KeyRow:
    """The statement ``key``'s columns as a struct."""
    row = dict(zip(KeyRow.__struct_fields__, columns, strict=True))
    row["revoked"] = bool(row["revoked"])
    return KeyRow(**row)


def standing(columns: tuple[int, int] | None, member: MemberRow | None) -> IdStanding:
    """What is known of an id."""
    serial, revoked = columns or (0, -1)
    return IdStanding(serial, revoked, member)


# --- members ----------------------------------------------------------------------------------


def put_member(tx: Transaction, row: MemberRow, expect: int | None) -> None:
    """Make ``row`` current unless a higher serial, a revocation, another writer or an API key of
    that name stands."""
    key = {"ns": row.ns, "id": row.id}
    current = standing(tx.one("standing", key), member_of(tx.one("member", key)))
    if row.serial <= current.revoked:
        raise Revoked(f"The record of {row.id} is revoked.")
    if expect is not None and expect != current.serial:
        raise Conflict(f"Another record of {row.id} came first.")
    same = current.member is not None and current.member.chain == row.chain
    if row.serial < current.serial or (
        row.serial == current.serial and current.member and not same
    ):
        raise Conflict(f"A newer record of {row.id} is known.")
    if current.member is None and _key_named(tx, row.ns, row.id):
        raise NameTaken(f"The name {row.id} belongs to an API key.", agent=row.id)
    tx.run("put_member", fields(row) | {"since": row.since or tx.now})
    tx.run("put_standing", {**key, "serial": row.serial, "revoked": -1})


def remove_member(tx: Transaction, ns: str, id: str) -> bool:
    """Drop the record; the standing stays."""
    return bool(tx.run("remove_member", {"ns": ns, "id": id}).rowcount)


def drop_ended(tx: Transaction, limit: int) -> list[tuple[str, str]]:
    """Forget ephemeral members whose records are over, with their standings and epochs; gives
    (namespace, id) of each, at most ``limit``. What the owner revoked stays revoked."""
    ended = tx.all("ended_members", {"now": tx.now, "limit": limit})
    for ns, id in ended:
        for name in ("remove_member", "drop_standing", "drop_epoch"):
            tx.run(name, {"ns": ns, "id": id})
    return ended


# --- invitations ------------------------------------------------------------------------------


def put_invitation(tx: Transaction, row: InvitationRow) -> None:
    """Keep an invitation; the same again is fine, another under its key is not."""
    params = fields(row) | {"created": row.created or tx.now}
    if tx.run("put_invitation", params).rowcount == 0:
        current = invitation_of(tx.one("invitation", {"key": row.key}))
        if current is None or current.chain != row.chain:
            raise Conflict("Another invitation has this key.")


def redeem(
    tx: Transaction, key: str, member: MemberRow, origin: str, expect: int | None
) -> InvitationRow:
    """Use an invitation and put the member, both or neither."""
    current = invitation_of(tx.one("invitation", {"key": key}))
    if current is None or current.ns != member.ns:
        raise BadInvitation
    repeat = (current.joined, current.joined_key) == (member.id, member.key)
    if current.redeemed_at and (repeat or _joined(tx, member)):
        return current
    if current.state(tx.now) != "waiting":
        raise BadInvitation
    if 0 < current.most <= current.joins:
        raise used_up(current.most)
    put_member(tx, member, expect)
    tx.run(
        "redeem",
        {
            "key": key,
            "now": tx.now,
            "joined": member.id,
            "joined_key": member.key,
            "joined_from": origin,
        },
    )
    return msgspec.structs.replace(
        current,
        redeemed_at=tx.now,
        joined=member.id,
        joined_key=member.key,
        joined_from=origin,
        joins=current.joins + 1,
    )


def _joined(tx: Transaction, member: MemberRow) -> bool:
    """Whether that very record is in: a machine whose answer was lost comes again."""
    listed = member_of(tx.one("member", {"ns": member.ns, "id": member.id}))
    return listed is not None and listed.chain == member.chain


def withdraw(tx: Transaction, ns: str, names: str, serial_of: SerialOf) -> list[InvitationRow]:
    """End every invitation that still waits under exactly ``names``; gives them.

    The id keeps the highest serial among them, so that the next record of it is higher.
    """
    ended = []
    for (key,) in tx.all("withdraw", {"ns": ns, "names": names, "now": tx.now}):
        row = invitation_of(tx.one("invitation", {"key": key}))
        assert row is not None
        ended.append(row)
        if not row.reusable:
            serial = {"serial": serial_of(row.chain), "revoked": -1}
            tx.run("put_standing", {"ns": ns, "id": names, **serial})
    return ended


def note_failure(tx: Transaction, kind: str, window: float) -> int:
    """Count one failure; gives how many stand in the window. Above a bound none is added."""
    many = failures(tx, kind, window)
    if many < MAX_FAILURES:
        tx.run("note_failure", {"at": tx.now, "kind": kind})
    return many + 1


def failures(tx: Transaction, kind: str, window: float) -> int:
    """How many failures stand in the window."""
    return int(tx.one("failures", {"kind": kind, "since": tx.now - window})[0])


# --- keys, epochs -----------------------------------------------------------------------------


def put_key(tx: Transaction, row: KeyRow) -> None:
    """Keep an API key under a free name.

    A member's name stays its own when its row is gone: its peers have it pinned, and its tasks
    stand under it.
    """
    key = {"ns": row.ns, "id": row.name}
    if _key_named(tx, row.ns, row.name):
        raise NameTaken(f"The name {row.name} belongs to an API key already.", agent=row.name)
    if tx.one("member", key) or tx.one("standing", key):
        raise NameTaken(
            f"The name {row.name} is, or was, that of a member with a key of its own.",
            agent=row.name,
        )
    tx.run("put_key", fields(row) | {"created": row.created or tx.now})


def _key_named(tx: Transaction, ns: str, name: str) -> bool:
    return tx.one("key_by_name", {"ns": ns, "name": name, "now": tx.now}) is not None


def revoke_key(tx: Transaction, ns: str, id: str) -> KeyRow:
    """End an API key; again is fine."""
    key = {"ns": ns, "id": id}
    if tx.run("revoke_key", key).rowcount == 0:
        raise NotFound(f"There is no key {id}; `chatixia keys` lists those that hold.")
    tx.run("end_device_of_key", key | {"now": tx.now})
    return key_of(tx.one("key", key))


def next_epoch(tx: Transaction, ns: str, agent: str, incarnation: str) -> str:
    """A login's number, above every other of this store."""
    n = int(tx.one("bump_meta", {"key": "epoch"})[0])
    tx.run(
        "put_epoch",
        {
            "ns": ns,
            "agent": agent,
            "epoch": n,
            "incarnation": incarnation,
            "at": tx.now,
        },
    )
    return fence_text(tx.generation, n)


# --- owners -----------------------------------------------------------------------------------


def put_owner(tx: Transaction, row: OwnerRow, most: int) -> None:
    """Keep an owner; the same again is fine, another of its id is not."""
    if tx.run("put_owner", fields(row) | {"since": tx.now}).rowcount == 0:
        _, _, chain, _ = tx.one("owner", {"ns": row.ns, "id": row.id})
        if chain != row.chain:
            raise Conflict(f"An owner is, or was, called {row.id}; choose another name.")
    elif len(tx.all("owners", {"ns": row.ns, "limit": most + 1})) > most:
        raise Conflict(f"There are {most} owners; no more are kept.")


# --- revocations ------------------------------------------------------------------------------


class RevocationFile:
    """An append-only copy beside the database, applied again after a restore.

    One JSON object a line; a torn last line is a statement that was never acknowledged.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "revocations.jsonl"
        self._line = msgspec.json.Decoder(RevocationRow)

    def append(self, row: RevocationRow) -> None:
        """Write one line and sync it."""
        fresh = not self._path.exists()
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(fd, b"\n" + msgspec.json.encode(row) + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        if fresh:
            sync_folder(self._path.parent)

    def rows(self) -> Iterator[RevocationRow]:
        """What was appended, whole lines only."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                try:
                    yield self._line.decode(line)
                except msgspec.MsgspecError:
                    continue


def put_revocation(
    tx: Transaction, row: RevocationRow, file: RevocationFile | None
) -> RevocationRow:
    """Keep the statement, end the record, and append it to ``file`` before the commit."""
    where = {"ns": row.ns, "id": row.id}
    current = tx.one("revocation", {**where, "serial": row.serial})
    if current is not None:
        return RevocationRow(*current)
    last = int(tx.one("last_revocation", {})[0])
    if row.version and row.version <= last:
        raise Conflict(f"The revocation list is at version {last} already.")
    row = msgspec.structs.replace(row, version=row.version or last + 1, at=row.at or tx.now)
    tx.run("put_revocation", fields(row))
    tx.run("put_standing", {**where, "serial": 0, "revoked": row.serial})
    member = member_of(tx.one("member", where))
    if member is not None and member.serial <= row.serial:
        tx.run("remove_member", where)
    if file is not None:
        file.append(row)
    return row


def apply_again(tx: Transaction, file: RevocationFile) -> int:
    """Bring back revocations that the file has and the database lost; gives how many."""
    applied = 0
    for row in file.rows():
        if tx.one("revocation", {"ns": row.ns, "id": row.id, "serial": row.serial}) is None:
            try:
                put_revocation(tx, row, None)
            except MeshError:  # its version is taken by now: it counts all the same
                put_revocation(tx, msgspec.structs.replace(row, version=0), None)
            applied += 1
    return applied
