"""Progress of a call, told to the host beside it: the newest only, and always a higher number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from chatixia.client.progress import OnProgress, Progress

STEP: Final = 1e-6
"""By how much a report is higher that names no higher fraction: the protocol demands a rise."""
Report = Callable[[float, float | None, str | None], Awaitable[None]]


class ProgressRelay:
    """``report(progress, total, message)`` tells the host; a slow one skips what came meanwhile."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._newest: Progress | None = None
        self._last = -STEP
        self._telling: asyncio.Future[None] | None = None

    def update(self, progress: Progress) -> None:
        """A report of the skill."""
        self._newest = progress
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        while (newest := self._newest) is not None:
            self._newest = None
            self._last = max(newest.fraction or 0.0, self._last + STEP)
            await self._report(self._last, 1.0, newest.note or None)

    async def end(self) -> None:
        """Tell no more: the answer is there, and progress behind it would be an error."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait((self._telling,))
            if not self._telling.cancelled():
                self._telling.exception()  # a host that left is no news


@asynccontextmanager
async def relayed(report: Report) -> AsyncIterator[OnProgress]:
    """Within, what the callback hears is reported."""
    relay = ProgressRelay(report)
    try:
        yield relay.update
    finally:
        await relay.end()
