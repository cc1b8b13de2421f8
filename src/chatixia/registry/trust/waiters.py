"""Requests that wait until something changes: bounded in number, all answered at the end."""

from __future__ import annotations

import asyncio
from typing import Final

from chatixia.errors import Overloaded, Unavailable

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

    async def wait(self, key: str, seconds: float) -> None:
        """Until it changed or the time is over. Raises Overloaded, Unavailable at the end."""
        if not self._closing:
            await self._wait(key, seconds)
        if self._closing:
            raise Unavailable("The registry is stopping.")

    async def _wait(self, key: str, seconds: float) -> None:
        if len(self) >= self._most:
            raise Overloaded
        event = asyncio.Event()
        waiters = self._waiting.setdefault(key, set())
        waiters.add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            waiters.discard(event)
            if not waiters:
                self._waiting.pop(key, None)
