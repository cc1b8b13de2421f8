"""The calls made while one request is served: none of them outlives it."""

from __future__ import annotations

from asyncio import CancelledError, Future, Task, current_task, ensure_future
from collections.abc import Awaitable, Callable
from typing import Final

from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import Cancelled

ENDED: Final = "The request that made this call has ended."
Send = Callable[[Outgoing], Awaitable[CallAnswer]]


class RequestScope:
    """One request's calls. ``owner``: the task that serves it.

    What cancels the owner cancels its own calls; those of other tasks are ended by :meth:`close`.
    """

    __slots__ = ("_owner", "_running", "closed")

    def __init__(self, owner: Task[object] | None = None) -> None:
        self._owner = owner
        self._running: set[Future[CallAnswer]] = set()
        self.closed = False

    def check(self) -> None:
        """Raise Cancelled once the request has ended."""
        if self.closed:
            raise Cancelled(ENDED)

    def call(self, send: Send, outgoing: Outgoing) -> Awaitable[CallAnswer]:
        """``send(outgoing)``, ended with the request whichever task makes it."""
        if current_task() is self._owner:
            return send(outgoing)
        return self._beside(send, outgoing)

    async def _beside(self, send: Send, outgoing: Outgoing) -> CallAnswer:
        """A call from another task than the owner."""
        running = ensure_future(send(outgoing))
        self._running.add(running)
        try:
            return await running
        except CancelledError:
            if running.cancelled() and self.closed:
                raise Cancelled(ENDED) from None
            raise
        finally:
            self._running.discard(running)
            running.cancel()

    def close(self) -> None:
        """End every call still under way."""
        self.closed = True
        for running in list(self._running):
            running.cancel()
