"""Items on their way from the program to a caller: taken in order, within credit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from chatixia.errors import MeshError, Overloaded
from chatixia.wire.ipc import STREAM_WINDOW

MAX_ITEMS: Final = 4096
"""Items of one stream that wait."""

Step = Callable[[], Awaitable[None]]


class ItemFlow:
    """The items of one request. ``credit(bytes)``: the program may send so many more; ``failed``:
    hears what ended the stream."""

    def __init__(self, credit: Callable[[int], None], failed: Callable[[MeshError], None]) -> None:
        self._credit, self._failed = credit, failed
        self._steps: deque[tuple[int, Step]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._unread = self._used = 0

    @property
    def unread(self) -> int:
        """Bytes that wait."""
        return self._unread

    def put(self, size: int, step: Step) -> None:
        """Run ``step``, which sends ``size`` bytes, after those before it. Raises Overloaded where
        the program had no credit left."""
        if self._unread >= STREAM_WINDOW or len(self._steps) >= MAX_ITEMS:
            text = "More items were sent than the credit of the stream allows."
            raise Overloaded(text, outcome="unknown")  # the skill runs, and items may be there
        self._unread += size
        self._steps.append((size, step))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def last(self, step: Step) -> None:
        """Run ``step`` after all that is there, whatever the credit."""
        self._steps.append((0, step))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._steps:
                size, step = self._steps.popleft()
                await step()
                self._taken(size)
        except MeshError as error:
            self._steps.clear()
            self._failed(error)

    def _taken(self, size: int) -> None:
        self._unread -= size
        self._used += size
        if self._used >= STREAM_WINDOW // 2:
            used, self._used = self._used, 0
            self._credit(used)

    def stop(self) -> None:
        """Nobody reads any more."""
        self._steps.clear()
        if self._task is not None:
            self._task.cancel()
