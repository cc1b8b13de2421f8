"""The progress of a request, reported at a bounded pace however often a skill reports it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chatixia.peer.timers import TimerHandle, Timers
from chatixia.world import World

PROGRESS_GAP: Final = 0.2
"""Seconds between two reports of one request's progress."""


class ProgressPacer:
    """The progress of one request: the first step goes at once, then the newest, five a second.

    ``send(fraction, note)`` carries one; ``end`` when the answer is given.
    """

    __slots__ = ("_due", "_newest", "_send", "_timer", "_timers", "_world")

    def __init__(self, world: World, timers: Timers, send: Callable[[float, str], None]) -> None:
        self._world, self._timers, self._send = world, timers, send
        self._due = float("-inf")
        self._newest = (0.0, "")
        self._timer: TimerHandle | None = None

    def step(self, fraction: float, note: str) -> None:
        """The request is that far: report it now, or with the next report."""
        self._newest = (fraction, note)
        if self._timer is None:
            left = self._due - self._world.monotonic()
            if left > 0:
                self._timer = self._timers.later(left, self._now, work=True)
            else:
                self._now()

    def _now(self) -> None:
        self._timer = None
        self._due = self._world.monotonic() + PROGRESS_GAP
        self._send(*self._newest)

    def end(self) -> None:
        """Report nothing more: the answer is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
