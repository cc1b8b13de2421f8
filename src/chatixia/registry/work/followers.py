"""Who follows a task without a socket: a request that waits for its end, or a stream of events.

Bounded: so many at once for all, so many for one machine, and what a slow reader has not read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from chatixia.core.ports import Principal
from chatixia.core.shares import holder_of
from chatixia.errors import Overloaded, Unavailable
from chatixia.wire.signaling import TaskProgress

from .watches import weight

MAX_FOLLOWERS: Final = 1024
MAX_PER_HOLDER: Final = 32
UNREAD_MESSAGES: Final = 256
UNREAD_BYTES: Final = 1024 * 1024


class Follower:
    """The messages of one task, in order; the last one is its end."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[msgspec.Struct | None] = asyncio.Queue(UNREAD_MESSAGES)
        self._lost = False
        self._bytes = 0

    def put(self, message: msgspec.Struct | None) -> None:
        """A message; None when there will be no more."""
        size = _size(message)
        while self._messages.full() or (self._bytes and self._bytes + size > UNREAD_BYTES):
            self._lost = True
            self._bytes -= _size(self._messages.get_nowait())
        self._bytes += size
        self._messages.put_nowait(message)

    async def next(self) -> msgspec.Struct:
        """The next message. Raises Overloaded if one was not read in time, Unavailable when the
        registry stops."""
        message = await self._messages.get()
        self._bytes -= _size(message)
        if self._lost:
            raise Overloaded(
                "This reader is too slow for the task's progress; open the stream again."
            )
        if message is None:
            raise Unavailable("The registry is stopping.")
        return message


def _size(message: msgspec.Struct | None) -> int:
    return weight(message) if isinstance(message, TaskProgress) else 0


class Followers:
    """All followers, by task."""

    def __init__(self) -> None:
        self._of_task: dict[str, set[Follower]] = {}
        self._of_holder: Counter[str] = Counter()
        self._closed = False

    @contextmanager
    def follow(self, principal: Principal, task_id: str) -> Iterator[Follower]:
        """Hear of a task from here on. Raises Overloaded at a bound, Unavailable at the end."""
        key, follower = holder_of(principal), Follower()
        if self._closed:
            raise Unavailable("The registry is stopping.")
        if self._of_holder[key] >= MAX_PER_HOLDER:
            raise Overloaded(
                f"Your machine waits for {MAX_PER_HOLDER} tasks already; wait for some to end."
            )
        if self._of_holder.total() >= MAX_FOLLOWERS:
            raise Overloaded("Too many requests wait for tasks already; try again later.")
        self._of_holder[key] += 1
        self._of_task.setdefault(task_id, set()).add(follower)
        try:
            yield follower
        finally:
            self._of_holder[key] -= 1
            self._of_holder += Counter()  # drops what is zero
            self._of_task[task_id].discard(follower)
            if not self._of_task[task_id]:
                del self._of_task[task_id]

    def tell(self, task_id: str, message: msgspec.Struct) -> None:
        """A message to all who follow that task."""
        for follower in tuple(self._of_task.get(task_id, ())):
            follower.put(message)

    def close(self) -> None:
        """The registry stops: nobody waits any longer."""
        self._closed = True
        for followers in self._of_task.values():
            for follower in followers:
                follower.put(None)
