"""How much the calls of others may hold here: of one peer, and of all peers of a process together.

A member can be many clients, so what is bounded for each must be bounded for all
(trust.md section 2).
"""

from __future__ import annotations

from typing import Final

from chatixia.wire.base import MIB

from .fragments import Pool
from .shares import Shares

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


class Room:
    """What all peers hold together, shared by their machines (core.shares): handlers ``running``,
    bytes of answers ``kept``; and ``halves``."""

    __slots__ = ("halves", "kept", "running")

    def __init__(self) -> None:
        self.running, self.kept = Shares(ALL_RUNNING), Shares(ALL_KEPT)
        self.halves = Pool()

    def fits(self, holder: str) -> bool:
        """Whether ``holder`` may have one request more."""
        return self.running.fits(holder) and self.kept.fits(holder)


class Account:
    """What one peer holds of the room, on the share of its machine.

    ``holder`` is the peer alone until its link has proved which machine signed it.
    """

    __slots__ = ("_all_kept", "_all_running", "_room", "holder", "kept", "running")

    def __init__(self, room: Room, peer: str) -> None:
        self._room, self.holder = room, f"@{peer}"
        self._all_running, self._all_kept = room.running, room.kept
        self.running = self.kept = 0

    def belongs(self, holder: str) -> None:
        """It is on that share from now on, with what it has already."""
        if holder and holder != self.holder:
            for shares, has in ((self._room.running, self.running), (self._room.kept, self.kept)):
                shares.add(self.holder, -has)
                shares.add(holder, has)
            self.holder = holder

    def run(self, by: int) -> None:
        """``by`` more (or fewer) handlers are at work."""
        self.running += by
        self._all_running.add(self.holder, by)

    def keep(self, by: int) -> None:
        """``by`` more (or fewer) bytes of answers wait to be acknowledged."""
        self.kept += by
        self._all_kept.add(self.holder, by)

    @property
    def full(self) -> bool:
        """Whether a new request is one too many. On the path of every request: whoever asks while
        little is used costs no question of shares."""
        if self.running >= MAX_RUNNING or self.kept >= KEPT_ANSWERS:
            return True
        running, kept = self._all_running, self._all_kept
        if running.used < running.easy and kept.used < kept.easy:
            return False
        return not self._room.fits(self.holder)
