"""A clock that a test turns by hand, with reproducible chance."""

from __future__ import annotations

import hashlib


class Clock:
    """A World whose time moves only when told."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self._drawn = 0

    def monotonic(self) -> float:
        return self.now

    boottime = wall = monotonic

    def token(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_128(str(self._drawn).encode()).digest(size)

    def jitter(self) -> float:
        return 0.5
