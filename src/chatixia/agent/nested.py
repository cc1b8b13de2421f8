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

    __slots__ = ("_deadline", "_inc", "_owner", "_running", "closed")

    def __init__(
        self, root: CallContext, inc: Incoming, deadline: float | None, owner: Task[object] | None
    ) -> None:
        super().__init__(root.port, root.world, root.warmer, root.affinity)
        self._inc = inc
        self._deadline = deadline
        self._owner = owner
        self._running: set[Future[CallAnswer]] = set()
        self.call = self._call
        self.closed = False

    @property
    def avoid(self) -> frozenset[str]:
        """Me, and everyone who waits for this request."""
        return frozenset((*self._inc.path, self._inc.caller, self.id))

    def caused_by(self) -> tuple[str, ...]:
        """Everyone who led here."""
        return self._inc.path

    @property
    def traceparent(self) -> str:
        """The request's own."""
        return self._inc.traceparent

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

    def stream(self, out: Outgoing) -> Stream:
        """Items for ``out``, as part of this request."""
        return self.port.stream(self._bound(out))

    async def _call(self, out: Outgoing) -> CallAnswer:
        self._bound(out)
        if current_task() is self._owner:
            return await self.port.call(out)
        return await self._beside(out)

    def _bound(self, out: Outgoing) -> Outgoing:
        if self.closed:
            raise Cancelled("The request that made this call has ended.")
        if len(self._inc.path) >= MAX_HOPS:
            raise HopLimit(
                f"The call passed through {len(self._inc.path)} agents already; "
                f"{MAX_HOPS} is the limit."
            )
        out.path = self._inc.path
        out.traceparent = out.traceparent or self._inc.traceparent
        out.timeout = self.budget(out.timeout)
        return out

    async def _beside(self, out: Outgoing) -> CallAnswer:
        """A call from another task than the skill's own: it must not outlive the request."""
        running = ensure_future(self.port.call(out))
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
