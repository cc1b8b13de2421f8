"""How many bytes of artifacts may be under way on a link, steered by delay (links.md section 5).

The delay of an acknowledgement beyond the least ever seen is what stands in queues, and every call
waits in the same ones. So while calls run the window keeps that within 1 ms or a quarter of the
path's own delay; without calls it may be long enough to fill the path.
"""

from __future__ import annotations

from math import inf
from typing import Final

from chatixia.wire.base import KIB, MIB

LEAST: Final = 64 * KIB
MOST: Final = 4 * MIB
START: Final = 128 * KIB
STEP: Final = 16 * KIB
BUSY_DELAY: Final = 0.001
"""Seconds of queueing that calls bear, or :data:`BUSY_SHARE` of the path's own delay if more."""
BUSY_SHARE: Final = 0.25
FREE_DELAY: Final = 0.004
FREE_SHARE: Final = 1.0
BASE_SECONDS: Final = 10.0
"""The least delay is that of the last 10 to 20 s: a path's own delay may grow."""


class DelayWindow:
    """The window of one link. ``size``: bytes that may be sent and not acknowledged."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another path: nothing is known of it."""
        self.size = START
        self._least = self._least_before = inf
        self._turned = 0.0
        self._low = inf
        self._acked = 0
        self._rising = True

    @property
    def base(self) -> float:
        """The least delay of late, in seconds; infinite before the first."""
        return min(self._least, self._least_before)

    def sample(self, delay: float, acked: int, now: float, busy: bool) -> None:
        """``acked`` bytes took ``delay`` seconds to be acknowledged; ``busy``: calls run beside."""
        if now - self._turned > BASE_SECONDS:
            self._turned, self._least_before, self._least = now, self._least, inf
        self._least = min(self._least, delay)
        self._low = min(self._low, delay)
        self._acked += acked
        if self._acked < self.size:
            return  # one decision for each window
        queueing, self._low, self._acked = self._low - self.base, inf, 0
        self._steer(queueing, busy)

    def _steer(self, queueing: float, busy: bool) -> None:
        least, share = (BUSY_DELAY, BUSY_SHARE) if busy else (FREE_DELAY, FREE_SHARE)
        if queueing > max(least, share * self.base):
            self._rising = False
            self.size = max(LEAST, self.size // 2 if busy else self.size * 3 // 4)
        elif self._rising and not busy:
            self.size = min(MOST, self.size * 2)
        else:
            self._rising = self._rising and not busy
            self.size = min(MOST, self.size + max(STEP, self.size // 8 if not busy else 0))
