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
MAX_ANSWER_BYTES: Final = 32 * MIB
"""Answers that one peer has not acknowledged."""
REMEMBER_SECONDS: Final = 60.0
"""An answer that is not acknowledged is kept this long past its deadline."""
MAX_PENDING: Final = 10_000
"""Requests of ours in flight to one peer; beyond, ``busy``."""
ALL_RUNNING: Final = 4096
ALL_ANSWER_BYTES: Final = 256 * MIB


class HolderUse(msgspec.Struct, gc=False):
    """What one holder (core.shares) has of a room: handlers, bytes, and the peers it has it by."""

    running: int = 0
    answer_bytes: int = 0
    peers: int = 0


class ResourceBudget:
    """What all peers hold together, shared by their machines (core.shares): handlers ``running``,
    bytes of answers ``answer_bytes``; and ``halves``. ``holders``: by holder."""

    __slots__ = (
        "answer_bytes",
        "easy_answer_bytes",
        "easy_running",
        "halves",
        "holders",
        "running",
    )

    def __init__(self) -> None:
        self.running = self.answer_bytes = 0
        self.easy_running, self.easy_answer_bytes = easy(ALL_RUNNING), easy(ALL_ANSWER_BYTES)
        self.holders: dict[str, HolderUse] = {}
        self.halves = FragmentBudget()

    def join(self, holder: str) -> HolderUse:
        """What ``holder`` has, for one more peer of it."""
        use = self.holders.setdefault(holder, HolderUse())
        use.peers += 1
        return use

    def leave(self, holder: str) -> None:
        """One peer less of that holder; with the last it is forgotten."""
        use = self.holders[holder]
        use.peers -= 1
        if not use.peers:
            del self.holders[holder]

    def fits(self, use: HolderUse) -> bool:
        """Whether a holder that has this may have one request more."""
        return fits(ALL_RUNNING, self.running, use.running, 1) and fits(
            ALL_ANSWER_BYTES, self.answer_bytes, use.answer_bytes, 1
        )


class PeerBudget:
    """What one peer holds of the room, on the share of its machine.

    ``holder`` is the peer alone until its link has proved which machine signed it, and who vouches
    for that (``trust``). Counted on the
    path of every request, so in fields alone; :meth:`close` it with the peer.
    """

    __slots__ = ("_room", "_use", "answer_bytes", "holder", "running", "trust")

    def __init__(self, room: ResourceBudget, peer: str) -> None:
        self._room, self.holder, self.trust = room, f"@{peer}", "unverified"
        self._use = room.join(self.holder)
        self.running = self.answer_bytes = 0

    def belongs(self, holder: str) -> None:
        """It is on that share from now on, with what it has already."""
        if holder and holder != self.holder:
            self._move(self._room.join(holder))
            self._room.leave(self.holder)
            self.holder = holder

    def _move(self, use: HolderUse) -> None:
        self._use.running -= self.running
        self._use.answer_bytes -= self.answer_bytes
        use.running += self.running
        use.answer_bytes += self.answer_bytes
        self._use = use

    def close(self) -> None:
        """The peer is forgotten, with all that it held."""
        self.run(-self.running)
        self.keep(-self.answer_bytes)
        self._room.leave(self.holder)

    def admit(self) -> bool:
        """Let one more handler work, unless it would be one too many."""
        room, use = self._room, self._use
        if self.running >= MAX_RUNNING or self.answer_bytes >= MAX_ANSWER_BYTES:
            return False
        # Only a room that is nearly taken asks for shares.
        is_tight = room.running >= room.easy_running or room.answer_bytes >= room.easy_answer_bytes
        if is_tight and not room.fits(use):
            return False
        self.running += 1
        use.running += 1
        room.running += 1
        return True

    def run(self, by: int) -> None:
        """``by`` more (or fewer) handlers are at work."""
        self.running += by
        self._use.running += by
        self._room.running += by

    def answered(self, size: int) -> None:
        """A handler is done, and ``size`` bytes of its answer wait to be acknowledged."""
        use, room = self._use, self._room
        self.running -= 1
        use.running -= 1
        room.running -= 1
        self.answer_bytes += size
        use.answer_bytes += size
        room.answer_bytes += size

    def keep(self, by: int) -> None:
        """``by`` more (or fewer) bytes of answers wait to be acknowledged."""
        self.answer_bytes += by
        self._use.answer_bytes += by
        self._room.answer_bytes += by
