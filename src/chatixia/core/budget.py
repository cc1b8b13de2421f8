"""How much the calls of others may hold here: of one peer, and of all peers of a process together.

A member can be many clients, so what is bounded for each must be bounded for all
(trust.md section 2).
"""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.wire.base import MIB

from .fragments import FragmentBudget
from .shares import easy, fits

MAX_RUNNING: Final = 256
"""Handlers at work for one peer; beyond, ``busy``."""
MAX_SERVED: Final = 10_000
"""Requests of one peer that are remembered."""
KEPT_ANSWERS: Final = 32 * MIB
"""Answers that one peer has not acknowledged."""
KEPT_SECONDS: Final = 60.0
"""An answer that is not acknowledged is kept this long past its deadline."""
MAX_ASKED: Final = 10_000
"""Requests of ours in flight to one peer; beyond, ``busy``."""
ALL_RUNNING: Final = 4096
ALL_KEPT: Final = 256 * MIB


class HolderUse(msgspec.Struct, gc=False):
    """What one holder (core.shares) has of a room: handlers, bytes, and the peers it has it by."""

    running: int = 0
    kept: int = 0
    peers: int = 0


class ResourceBudget:
    """What all peers hold together, shared by their machines (core.shares): handlers ``running``,
    bytes of answers ``kept``; and ``halves``. ``held``: by holder."""

    __slots__ = ("easy_kept", "easy_running", "halves", "held", "kept", "running")

    def __init__(self) -> None:
        self.running = self.kept = 0
        self.easy_running, self.easy_kept = easy(ALL_RUNNING), easy(ALL_KEPT)
        self.held: dict[str, HolderUse] = {}
        self.halves = FragmentBudget()

    def join(self, holder: str) -> HolderUse:
        """What ``holder`` has, for one more peer of it."""
        held = self.held.setdefault(holder, HolderUse())
        held.peers += 1
        return held

    def leave(self, holder: str) -> None:
        """One peer less of that holder; with the last it is forgotten."""
        held = self.held[holder]
        held.peers -= 1
        if not held.peers:
            del self.held[holder]

    def fits(self, held: HolderUse) -> bool:
        """Whether a holder that has this may have one request more."""
        return fits(ALL_RUNNING, self.running, held.running, 1) and fits(
            ALL_KEPT, self.kept, held.kept, 1
        )


class PeerBudget:
    """What one peer holds of the room, on the share of its machine.

    ``holder`` is the peer alone until its link has proved which machine signed it. Counted on the
    path of every request, so in fields alone; :meth:`close` it with the peer.
    """

    __slots__ = ("_held", "_room", "holder", "kept", "running")

    def __init__(self, room: ResourceBudget, peer: str) -> None:
        self._room, self.holder = room, f"@{peer}"
        self._held = room.join(self.holder)
        self.running = self.kept = 0

    def belongs(self, holder: str) -> None:
        """It is on that share from now on, with what it has already."""
        if holder and holder != self.holder:
            self._move(self._room.join(holder))
            self._room.leave(self.holder)
            self.holder = holder

    def _move(self, held: HolderUse) -> None:
        self._held.running -= self.running
        self._held.kept -= self.kept
        held.running += self.running
        held.kept += self.kept
        self._held = held

    def close(self) -> None:
        """The peer is forgotten, with all that it held."""
        self.run(-self.running)
        self.keep(-self.kept)
        self._room.leave(self.holder)

    def run(self, by: int) -> None:
        """``by`` more (or fewer) handlers are at work."""
        self.running += by
        self._held.running += by
        self._room.running += by

    def answered(self, size: int) -> None:
        """A handler is done, and ``size`` bytes of its answer wait to be acknowledged."""
        held, room = self._held, self._room
        self.running -= 1
        held.running -= 1
        room.running -= 1
        self.kept += size
        held.kept += size
        room.kept += size

    def keep(self, by: int) -> None:
        """``by`` more (or fewer) bytes of answers wait to be acknowledged."""
        self.kept += by
        self._held.kept += by
        self._room.kept += by

    @property
    def full(self) -> bool:
        """Whether a new request is one too many."""
        if self.running >= MAX_RUNNING or self.kept >= KEPT_ANSWERS:
            return True
        room = self._room
        if room.running < room.easy_running and room.kept < room.easy_kept:
            return False
        return not room.fits(self._held)
