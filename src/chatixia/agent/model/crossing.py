"""Between the agent's loop and the engine's: items come over one way, calls go the other way.

What is cancelled on one side is cancelled on the other; no side gets far ahead of the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Any, Final, Generic, TypeVar

from chatixia.errors import Cancelled, Unavailable

from .far_task import FarTask

T = TypeVar("T")
Item = TypeVar("Item")
ROOM: Final = 256
"""Items that may wait for the agent's side."""


class Crossing(Generic[Item]):
    """One run's way between two loops. It is made on the agent's; what runs in either has a copy of
    the context of the request that the run serves."""

    def __init__(self, engine: asyncio.AbstractEventLoop, room: int = ROOM) -> None:
        self._home = asyncio.get_running_loop()
        self._engine = engine
        self._free = room
        self._freed = asyncio.Event()
        self._items: deque[Item] = deque()
        self._news = asyncio.Event()

    async def items(
        self, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> AsyncGenerator[Item, None]:
        """Run ``work`` on the engine's loop, and yield what it puts. Raises what it raises.

        Closing this cancels ``work`` and waits until it has ended.
        """
        far = FarTask(self._engine, work)
        far.outcome.add_done_callback(lambda _: self._news.set())
        try:
            while not far.outcome.done():
                self._news.clear()
                for item in self._taken():
                    yield item
                if not (self._items or far.outcome.done()):
                    await self._news.wait()
            for item in self._taken():
                yield item
            if far.outcome.cancelled():
                raise Cancelled("The model's run was canceled.")
            far.outcome.result()
        finally:
            await far.cancel()

    def _taken(self) -> Iterator[Item]:
        while self._items:
            item = self._items.popleft()
            self._engine.call_soon_threadsafe(self._free_one)
            yield item

    def _arrive(self, item: Item) -> None:
        self._items.append(item)
        self._news.set()

    # On the engine's loop.

    async def put(self, item: Item) -> None:
        """Hand ``item`` over; waits while too many wait already. Raises Unavailable."""
        while self._free <= 0:
            self._freed.clear()
            await self._freed.wait()
        self._free -= 1
        try:
            self._home.call_soon_threadsafe(self._arrive, item)
        except RuntimeError:
            raise Unavailable("The agent is stopping.") from None

    async def at_home(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of ``work`` on the agent's loop."""
        return await FarTask(self._home, work).wait()

    def _free_one(self) -> None:
        self._free += 1
        self._freed.set()
