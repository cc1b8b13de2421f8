"""One timer wheel for every deadline of a process: pure, O(1) to add and to take back.

A timer per call (``asyncio.wait_for``) costs a third of a call's CPU (links.md section 6). Here
deadlines fall into buckets of :data:`TICK` seconds; the driver arms one timer for the earliest.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

T = TypeVar("T")

RATE: Final = 64
TICK: Final = 1 / RATE
"""Seconds a bucket spans. Nothing fires early; it fires at most one tick late."""


class TimerWheel(Generic[T]):
    """Items by the time at which they are due. Items are hashed by identity or value."""

    __slots__ = ("_buckets", "_order", "on_earlier")

    def __init__(self) -> None:
        self.on_earlier: Callable[[float], None] = _ignore
        """Told when an item is due before all that were there: the driver's one timer moves."""
        self._buckets: dict[int, set[T]] = {}
        self._order: list[int] = []

    def add(self, item: T, at: float) -> set[T]:
        """File ``item`` under time ``at`` (seconds on the caller's clock); its bucket."""
        slot = int(at * RATE) + 1
        bucket = self._buckets.get(slot)
        if bucket is None:
            bucket = self._buckets[slot] = set()
            heappush(self._order, slot)
            if self._order[0] == slot:
                self.on_earlier(slot * TICK)
        bucket.add(item)
        return bucket

    def due(self, now: float) -> list[T]:
        """Take out every item whose time has come, earliest first."""
        items: list[T] = []
        while self._order and self._order[0] * TICK <= now:
            items.extend(self._buckets.pop(heappop(self._order)))
        return items

    def next(self) -> float | None:
        """When the earliest bucket that still holds something is due; None when all are empty."""
        while self._order and not self._buckets[self._order[0]]:
            del self._buckets[heappop(self._order)]
        return self._order[0] * TICK if self._order else None


def _ignore(at: float) -> None:
    pass
