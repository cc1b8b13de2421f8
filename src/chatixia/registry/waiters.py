"""Requests that wait until something changes: bounded in number, all answered at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from chatixia.errors import Overloaded, Unavailable

T = TypeVar("T")
MOST_WAITERS: Final = 256


class Waiters:
    """Those that wait, by what they wait for. ``most``: at once, of all keys."""

    def __init__(self, most: int = MOST_WAITERS) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._most = most
        self._closing = False

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """Answer all: this registry stops."""
        self._closing = True
        for key in self._waiting:
            self.wake(key)

    def wake(self, key: str) -> None:
        """What ``key`` names has changed."""
        for event in self._waiting.get(key, ()):
            event.set()

    async def read(
        self,
        key: str,
        seconds: float,
        read: Callable[[], Awaitable[T]],
        is_waiting: Callable[[T], bool],
    ) -> T:
        """What ``read`` gives; while that is still waiting, once more when ``key`` has changed or
        the time is over. What changes while it reads counts. Raises Overloaded, Unavailable at the
        end.
        """
        if not seconds:
            return await read()
        with self._registered(key) as changed:
            answer = await read()
            if not is_waiting(answer):
                return answer
            await self._wait(changed, seconds)
        return await read()

    @contextmanager
    def _registered(self, key: str) -> Iterator[asyncio.Event]:
        if len(self) >= self._most:
            raise Overloaded
        event = asyncio.Event()
        waiters = self._waiting.setdefault(key, set())
        waiters.add(event)
        try:
            yield event
        finally:
            waiters.discard(event)
            if not waiters:
                self._waiting.pop(key, None)

    async def _wait(self, changed: asyncio.Event, seconds: float) -> None:
        if not self._closing:
            try:
                async with asyncio.timeout(seconds):
                    await changed.wait()
            except TimeoutError:
                pass
        if self._closing:
            raise Unavailable("The registry is stopping.")
