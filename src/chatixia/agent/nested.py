"""The door of one request: calls made while serving it carry its path and never outlive it."""

from __future__ import annotations

from asyncio import CancelledError, Future, Task, current_task, ensure_future
from typing import Final

from chatixia.client.call_context import CallContext
from chatixia.core.ports import CallAnswer, Incoming, Outgoing, Stream
from chatixia.errors import Cancelled, DeadlineExceeded, HopLimit
from chatixia.wire.peer import MAX_HOPS

LEAST_S: Final = 0.001


class NestedContext(CallContext):
    """A door inside a request: what goes out carries the path of everyone who led here.

    ``owner``: the task that runs the skill. What cancels it cancels its own calls; those of other
    tasks are ended by :meth:`close`.
    """

    __slots__ = ("_deadline", "_incoming", "_owner", "_running", "closed")

    def __init__(
        self,
        root: CallContext,
        incoming: Incoming,
        deadline: float | None,
        owner: Task[object] | None,
    ) -> None:
        super().__init__(root.port, root.world, root.warmer, root.affinity)
        self._incoming = incoming
        self._deadline = deadline
        self._owner = owner
        self._running: set[Future[CallAnswer]] = set()
        self.call = self._call
        self.closed = False

    @property
    def avoid(self) -> frozenset[str]:
        """Me, and everyone who waits for this request."""
        return frozenset((*self._incoming.path, self._incoming.caller, self.id))

    def caused_by(self) -> tuple[str, ...]:
        """Everyone who led here."""
        return self._incoming.path

    @property
    def traceparent(self) -> str:
        """The request's own."""
        return self._incoming.traceparent

    def budget(self, timeout: float) -> float:
        """``timeout``, or what is left of the request if less. Raises DeadlineExceeded."""
        if self._deadline is None:
            return timeout
        left = self._deadline - self.world.monotonic()
        if left < LEAST_S:
            raise DeadlineExceeded(
                "The deadline of the request that made this call has passed.", outcome="definite"
            )
        return min(timeout, left)

    def stream(self, outgoing: Outgoing) -> Stream:
        """Items for ``outgoing``, as part of this request."""
        return self.port.stream(self._bound(outgoing))

    async def _call(self, outgoing: Outgoing) -> CallAnswer:
        self._bound(outgoing)
        if current_task() is self._owner:
            return await self.port.call(outgoing)
        return await self._beside(outgoing)

    def _bound(self, outgoing: Outgoing) -> Outgoing:
        if self.closed:
            raise Cancelled("The request that made this call has ended.")
        if len(self._incoming.path) >= MAX_HOPS:
            raise HopLimit(
                f"The call passed through {len(self._incoming.path)} agents already; "
                f"{MAX_HOPS} is the limit."
            )
        outgoing.path = self._incoming.path
        outgoing.traceparent = outgoing.traceparent or self._incoming.traceparent
        outgoing.timeout = self.budget(outgoing.timeout)
        return outgoing

    async def _beside(self, outgoing: Outgoing) -> CallAnswer:
        """A call from another task than the skill's own: it must not outlive the request."""
        running = ensure_future(self.port.call(outgoing))
        self._running.add(running)
        try:
            return await running
        except CancelledError:
            if running.cancelled() and self.closed:
                raise Cancelled("The request that made this call has ended.") from None
            raise
        finally:
            self._running.discard(running)
            running.cancel()

    def close(self) -> None:
        """End every call still under way."""
        self.closed = True
        for running in list(self._running):
            running.cancel()
