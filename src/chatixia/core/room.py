"""How much the calls of others may hold here: of one peer, and of all peers of a process together.

A member can be many clients, so what is bounded for each must be bounded for all (trust.md 2).
"""

from __future__ import annotations

from typing import Final

from chatixia.wire.base import MIB

from .fragments import Pool

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
    """What all peers hold together: handlers ``running``, bytes of answers ``kept``, ``halves``."""

    __slots__ = ("halves", "kept", "running")

    def __init__(self) -> None:
        self.running = self.kept = 0
        self.halves = Pool()

    @property
    def full(self) -> bool:
        """Whether a new request is one too many."""
        return self.running >= ALL_RUNNING or self.kept >= ALL_KEPT
