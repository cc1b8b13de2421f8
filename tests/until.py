"""Waiting for what nothing announces: one place that looks again, with a bound.

Where there is an event, wait for that. These are for state that another process, an engine or the
far end of a link holds. A wait that is in vain says what it waited for, and what it saw last.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

SECONDS = 40.0
"""A hang's bound, not a measure: a busy machine needs more of it than an idle one."""
PAUSE = 0.005


async def until(
    holds: Callable[[], Any], seconds: float = SECONDS, *, pause: float = PAUSE, what: str = ""
) -> Any:
    """The first true value of ``holds``, or of what it awaits; asked each ``pause``."""
    end, seen = time.monotonic() + seconds, None
    while True:
        seen = holds()
        if inspect.isawaitable(seen):
            seen = await seen
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(_vain(holds, seconds, what, seen))
        await asyncio.sleep(pause)


async def turns(holds: Callable[[], Any], seconds: float = 5.0) -> Any:
    """The same on a fake clock: looked at with every turn of the loop."""
    return await until(holds, seconds, pause=0)


def until_sync(
    holds: Callable[[], Any], seconds: float = SECONDS, *, pause: float = PAUSE, what: str = ""
) -> Any:
    """The same where no loop runs."""
    end = time.monotonic() + seconds
    while not (seen := holds()):
        if time.monotonic() > end:
            raise AssertionError(_vain(holds, seconds, what, seen))
        time.sleep(pause)
    return seen


def _vain(holds: Callable[[], Any], seconds: float, what: str, seen: Any) -> str:
    if not what:
        try:
            what = inspect.getsource(holds).strip()
        except (OSError, TypeError):
            what = repr(holds)
    return f"waited {seconds:.0f} s in vain for: {what}; last seen: {seen!r}"
