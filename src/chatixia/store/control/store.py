"""The registry's store: one writer thread, few readers, every method durable when it returns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from chatixia.world import World

from .rows import (
    EventRow,
    InvitationRow,
    KeyRow,
    MemberRow,
    RevocationRow,
    SessionRow,
    Standing,
)


class Store:
    """All tables of a registry. Async methods run on the caller's loop and answer after fsync.

    Each raises Overloaded (a queue is full), Unavailable (closed or a reader took over 1 s),
    DiskFull (definite) and OutcomeUnknown (the commit failed; the process ends).
    """

    generation: int
    """The store generation: the high part of fences, epochs and cursors."""

    @classmethod
    def open(
        cls, folder: Path, world: World, *, on_death: Callable[[str], None] | None = None
    ) -> Self:
        """Take the lock on ``folder``, migrate ``registry.db`` and start the threads.

        ``on_death`` gets one sentence, in the writer's thread, when the store cannot go on; by
        default it is printed and the process ends. Raises AlreadyRunning and ConfigError.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Finish what is queued, checkpoint, let the lock go."""
        raise NotImplementedError

    def now(self) -> float:
        """Store time in seconds: never steps back, also over restarts. Mesh time is this."""
        raise NotImplementedError

    def listen(self, hear: Callable[[], None]) -> Callable[[], None]:
        """Call ``hear`` on this loop after groups that wrote events; returns how to stop it."""
        raise NotImplementedError

    async def put_member(self, row: MemberRow, *, expect: int | None = None) -> None:
        """Make ``row`` the current record of its (ns, id).

        ``expect``: the serial that the caller judged (0: none), compared in the transaction.
        Raises Conflict (a lower serial, or another than expected), Revoked (a tombstone).
        """
        raise NotImplementedError

    async def member(self, ns: str, id: str) -> Standing:
        """The current record, highest serial and revocation of an id (empty if unknown)."""
        raise NotImplementedError

    async def members(self, ns: str, after: str = "", limit: int = 200) -> list[MemberRow]:
        """Records in order of id, without tombstones."""
        raise NotImplementedError

    async def remove_member(self, ns: str, id: str) -> bool:
        """Drop the current record (``leave``, ephemeral); its highest serial stays known."""
        raise NotImplementedError

    async def put_invitation(self, row: InvitationRow) -> None:
        """Raises Conflict if the key is known with another chain; the same again is fine."""
        raise NotImplementedError

    async def invitation(self, key: str) -> InvitationRow | None:
        """By key id."""
        raise NotImplementedError

    async def redeem_invitation(
        self, key: str, member: MemberRow, *, origin: str, expect: int | None = None
    ) -> InvitationRow:
        """Single use and ``put_member`` in one transaction, judged by store time.

        The same machine key again gets the same answer. Raises BadInvitation, Conflict, Revoked.
        """
        raise NotImplementedError

    async def note_failure(self, kind: str, window: float = 300.0) -> int:
        """Count a failed redemption or login; returns how many stand in the last ``window`` s."""
        raise NotImplementedError

    async def failures(self, kind: str, window: float = 300.0) -> int:
        """How many failures of ``kind`` stand in the last ``window`` seconds."""
        raise NotImplementedError

    async def put_key(self, row: KeyRow) -> None:
        """Raises NameTaken if a living key or a member has that name in the namespace."""
        raise NotImplementedError

    async def key_by_digest(self, digest: bytes) -> KeyRow | None:
        """The living key (not revoked, not past ``not_after``) with that SHA-256."""
        raise NotImplementedError

    async def keys(self, ns: str) -> list[KeyRow]:
        """All keys, revoked ones too, newest first."""
        raise NotImplementedError

    async def revoke_key(self, ns: str, id: str) -> KeyRow:
        """Raises NotFound."""
        raise NotImplementedError

    async def touch_key(self, id: str) -> None:
        """Note its use (written at most once a minute)."""
        raise NotImplementedError

    async def next_epoch(self, ns: str, agent: str, incarnation: str) -> str:
        """A login's number: opaque text, rising per store; compare with ``core.task.fence_key``."""
        raise NotImplementedError

    async def put_revocation(self, row: RevocationRow) -> RevocationRow:
        """Keep the statement (also in the append-only file) and end the record it names.

        ``version`` 0 is replaced by the next one. The same (ns, id, serial) again is the first.
        """
        raise NotImplementedError

    async def revocations(self, after: int = 0, limit: int = 1024) -> list[RevocationRow]:
        """Statements with a version above ``after``, rising."""
        raise NotImplementedError

    async def put_login(self, digest: bytes, person: str, role: str, ns: str, ttl: float) -> None:
        """A one-time login link by the SHA-256 of its secret."""
        raise NotImplementedError

    async def redeem_login(self, digest: bytes, session: bytes, ttl: float) -> SessionRow:
        """Use the link once and make the browser session whose secret's SHA-256 is ``session``.

        Raises Unauthorized (unknown, used or expired).
        """
        raise NotImplementedError

    async def session(self, digest: bytes) -> SessionRow | None:
        """A living browser session."""
        raise NotImplementedError

    async def end_session(self, digest: bytes) -> None:
        """Log out; unknown is fine."""
        raise NotImplementedError

    async def put_event(
        self, kind: str, id: str, change: str, body: bytes = b"{}", ns: str = "default"
    ) -> None:
        """Store an event (agent, link, invitation ...; tasks write their own)."""
        raise NotImplementedError

    async def cursor(self) -> str:
        """The cursor of the present snapshot."""
        raise NotImplementedError

    async def events_after(self, cursor: str, limit: int = 200) -> list[EventRow]:
        """Events after ``cursor`` in order; "" starts at the oldest. Raises CursorExpired."""
        raise NotImplementedError

    async def counts(self, ns: str = "default") -> dict[str, int]:
        """Tasks by state, kept in the writing transactions."""
        raise NotImplementedError

    def disk_free(self) -> int:
        """Bytes free on the data directory's file system."""
        raise NotImplementedError
