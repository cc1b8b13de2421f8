"""Timers of the loop, or of a fake clock, and the sleep that both carry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from chatixia.background import Pauses


class TimerHandle(Protocol):
    """A timer that can be cancelled."""

    def cancel(self) -> None:
        """It will not fire."""
        ...


class Timers(Protocol):
    """Where the mesh's timers live: the loop, or a fake clock."""

    def later(self, delay: float, callback: Callable[[], None], work: bool = False) -> TimerHandle:
        """Call once after ``delay`` seconds. ``work``: it bounds work (a deadline), so a fake
        clock lets work that runs take its real time first."""
        ...


class LoopTimers:
    """Timers of the running loop."""

    def later(self, delay: float, callback: Callable[[], None], work: bool = False) -> TimerHandle:
        """Call once after ``delay`` seconds."""
        return asyncio.get_running_loop().call_later(delay, callback)


async def sleep(timers: Timers, seconds: float) -> None:
    """Wait on the clock of ``timers``."""
    await Pauses(timers.later).sleep(seconds)
