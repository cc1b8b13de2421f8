"""A clock that a test turns by hand, with reproducible chance."""

from __future__ import annotations

import hashlib

from chatixia.world import World


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


class MovedClock:
    """A World that is ``ahead`` seconds ahead of another, and may be moved on."""

    def __init__(self, base: World) -> None:
        self._base, self.ahead = base, 0.0
        self.token, self.jitter = base.token, base.jitter

    def monotonic(self) -> float:
        return self._base.monotonic() + self.ahead

    def boottime(self) -> float:
        return self._base.boottime() + self.ahead

    def wall(self) -> float:
        return self._base.wall() + self.ahead
