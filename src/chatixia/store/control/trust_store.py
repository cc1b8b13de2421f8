"""The store's methods for members, keys, logins and events; what they do is in ``trust``."""

from __future__ import annotations

from typing import Final

from chatixia.core.task import fence_key, fence_text
from chatixia.errors import CursorExpired

from . import trust
from .base import StoreBase
from .rows import (
    IdStanding,
    InvitationRow,
    KeyRow,
    MemberRow,
    RevocationRow,
    SessionRow,
    StoredEvent,
)
from .tx import Transaction

MOST_EVENTS: Final = 2000
"""Events that one read gives."""
LAST: Final = 2**62
"""Above every row's number."""


class TrustStore(StoreBase):
    """Each method is one item of the writer, or one read."""

    async def put_member(self, row: MemberRow, *, expect: int | None = None) -> None:
        """Make ``row`` the current record of its (ns, id).

        ``expect``: the serial that the caller judged (0: none), compared in the transaction.
        Raises Conflict (a lower serial, or another than expected), Revoked (a tombstone),
        NameTaken (an API key has that name).
        """
        await self._write(trust.put_member, row, expect, size=len(row.chain))

    async def member(self, ns: str, id: str) -> IdStanding:
        """The current record, highest serial and revocation of an id (empty if unknown)."""
        who = {"ns": ns, "id": id}
        member = trust.member_of(await self._first("member", who))
        return trust.standing(await self._first("standing", who), member)

    async def members(self, ns: str, after: str = "", limit: int = 200) -> list[MemberRow]:
        """Records in order of id, without tombstones."""
        rows = await self._read("members", {"ns": ns, "after": after, "limit": min(limit, 1000)})
        return [row for found in rows if (row := trust.member_of(found)) is not None]

    async def remove_member(self, ns: str, id: str) -> bool:
        """Drop the current record (``leave``, ephemeral); its highest serial stays known."""
        return bool(await self._write(trust.remove_member, ns, id))

    async def knows(self, ns: str, name: str) -> bool:
        """Whether a member or a living API key has that name."""
        params = {"ns": ns, "name": name, "now": self.now()}
        return bool(await self._read("known_name", params))

    async def put_invitation(self, row: InvitationRow) -> None:
        """Raises Conflict if the key is known with another chain; the same again is fine."""
        await self._write(trust.put_invitation, row, size=len(row.chain))

    async def invitation(self, key: str) -> InvitationRow | None:
        """By key id."""
        return trust.invitation_of(await self._first("invitation", {"key": key}))

    async def redeem_invitation(
        self, key: str, member: MemberRow, *, origin: str, expect: int | None = None
    ) -> InvitationRow:
        """Single use and ``put_member`` in one transaction, judged by store time.

        The same machine key again gets the same answer. Raises BadInvitation, Conflict, Revoked,
        NameTaken.
        """
        row: InvitationRow = await self._write(trust.redeem, key, member, origin, expect)
        return row

    async def withdraw_invitations(
        self, ns: str, names: str, serial_of: trust.SerialOf
    ) -> list[InvitationRow]:
        """End what still waits under exactly ``names`` (a name or a pattern); gives it."""
        rows: list[InvitationRow] = await self._write(trust.withdraw, ns, names, serial_of)
        return rows

    async def note_failure(self, kind: str, window: float = 300.0) -> int:
        """Count a failed redemption or login; returns how many stand in the last ``window`` s."""
        return int(await self._write(trust.note_failure, kind, window))

    async def failures(self, kind: str, window: float = 300.0) -> int:
        """How many failures of ``kind`` stand in the last ``window`` seconds."""
        found = await self._first("failures", {"kind": kind, "since": self.now() - window})
        return int(found[0])

    async def put_key(self, row: KeyRow) -> None:
        """Raises NameTaken if a living key has that name in the namespace, or a member ever had."""
        await self._write(trust.put_key, row)

    async def key_named(self, ns: str, name: str) -> bool:
        """Whether a living API key has that name."""
        wanted = {"ns": ns, "name": name, "now": self.now()}
        return await self._first("key_by_name", wanted) is not None

    async def key_by_digest(self, digest: bytes) -> KeyRow | None:
        """The living key (not revoked, not past ``not_after``) with that SHA-256."""
        found = await self._first("key_by_digest", {"digest": digest, "now": self.now()})
        return None if found is None else trust.key_of(found)

    async def keys(self, ns: str, after: str = "", limit: int = 200) -> list[KeyRow]:
        """A page of keys, revoked ones too, newest first, from behind the key with that id on."""
        wanted = {"ns": ns, "after": after, "limit": limit}
        return [trust.key_of(row) for row in await self._read("keys", wanted)]

    async def key_lives(self, ns: str, name: str, made: float) -> bool:
        """Whether a key of that name, made by then, is neither revoked nor past its end."""
        wanted = {"ns": ns, "name": name, "made": made, "now": self.now()}
        return await self._first("key_lives", wanted) is not None

    async def revoke_key(self, ns: str, id: str) -> KeyRow:
        """Raises NotFound."""
        row: KeyRow = await self._write(trust.revoke_key, ns, id)
        return row

    async def touch_key(self, id: str) -> None:
        """Note its use (written at most once a minute)."""
        if self.now() - self._touched.get(id, -trust.TOUCH_EVERY) < trust.TOUCH_EVERY:
            return
        if len(self._touched) > 10_000:
            self._touched.clear()
        self._touched[id] = self.now()
        await self._write(lambda tx: tx.run("touch_key", {"id": id, "now": tx.now}) and None)

    async def next_epoch(self, ns: str, agent: str, incarnation: str) -> str:
        """A login's number: opaque text, rising per store; compare with ``core.task.fence_key``."""
        return str(await self._write(trust.next_epoch, ns, agent, incarnation))

    async def put_revocation(self, row: RevocationRow) -> RevocationRow:
        """Keep the statement (also in the append-only file) and end the record it names.

        ``version`` 0 is replaced by the next one. The same (ns, id, serial) again is the first.
        """
        kept: RevocationRow = await self._write(trust.put_revocation, row, self._file)
        return kept

    async def revocations(self, after: int = 0, limit: int = 1024) -> list[RevocationRow]:
        """Statements with a version above ``after``, rising."""
        rows = await self._read("revocations", {"after": after, "limit": min(limit, 1024)})
        return [RevocationRow(*row) for row in rows]

    async def put_login(self, digest: bytes, person: str, role: str, ns: str, ttl: float) -> None:
        """A one-time login link by the SHA-256 of its secret; ``ttl`` in seconds."""

        def run(tx: Transaction) -> None:
            row = SessionRow(digest, person, role, ns, tx.now + ttl)
            tx.run("put_login", trust.fields(row))

        await self._write(run)

    async def redeem_login(self, digest: bytes, session: bytes, ttl: float) -> SessionRow:
        """Use the link once and make the browser session whose secret's SHA-256 is ``session``.

        Raises Unauthorized (unknown, used or expired).
        """
        row: SessionRow = await self._write(trust.redeem_login, digest, session, ttl)
        return row

    async def session(self, digest: bytes) -> SessionRow | None:
        """A living browser session."""
        found = await self._first("session", {"digest": digest, "now": self.now()})
        return None if found is None else SessionRow(*found)

    async def end_session(self, digest: bytes) -> None:
        """Log out; unknown is fine."""
        await self._write(lambda tx: tx.run("end_session", {"digest": digest}) and None)

    # --- events -------------------------------------------------------------------------------

    async def put_event(
        self, kind: str, id: str, change: str, body: bytes = b"{}", ns: str = "default"
    ) -> None:
        """Store an event (agent, link, invitation ...; tasks write their own)."""
        await self._write(lambda tx: tx.event(ns, kind, id, change, body), size=len(body))

    async def cursor(self) -> str:
        """The cursor of the present snapshot."""
        found = await self._first("last_event", {})
        return fence_text(self.generation, int(found[0]) if found else 0)

    async def events_after(self, cursor: str, limit: int = 200) -> list[StoredEvent]:
        """Events after ``cursor`` in order; "" starts at the oldest. Raises CursorExpired."""
        after = 0
        if cursor:
            generation, after = fence_key(cursor)
            floor = int((await self._first("meta", {"key": "floor"}))[0])
            if generation != self.generation or after < floor:
                raise CursorExpired
        wanted = {"after": min(after, LAST), "limit": min(limit, MOST_EVENTS)}
        rows = await self._read("events_after", wanted)
        return [
            StoredEvent(kind, id, change, at, fence_text(self.generation, n), ns, body)
            for n, at, ns, kind, id, change, body in rows
        ]
