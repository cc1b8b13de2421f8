"""The asyncio side of calls: a task per request served, a future per request asked."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextvars import copy_context
from typing import Any, Final

import msgspec

from chatixia.core.call import Sink
from chatixia.core.exchange import (
    CallOverdue,
    ListsReceived,
    PendingCall,
    PongReceived,
    ProgressReported,
    ServedRequest,
    StopHandler,
)
from chatixia.core.ports import (
    ArtifactFeed,
    ArtifactSource,
    CallAnswer,
    Handler,
    Incoming,
    Outgoing,
)
from chatixia.core.streams import Inflow, Outflow
from chatixia.errors import (
    BadRequest,
    MeshError,
    SkillFailed,
    UnknownSkill,
)
from chatixia.ids import AgentId
from chatixia.peer.artifacts.offers import GRACE_SECONDS
from chatixia.peer.sessions.stop import closing, interrupted, stopping
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.world import EAGER

from .channel import SessionChannel
from .steps import ProgressPacer

log = logging.getLogger("chatixia.peer")

_task: Final[Any] = functools.partial(asyncio.Task, **EAGER)


class LinkResponder:
    """``core.ports.Responder`` for a request that came over a link."""

    __slots__ = ("_channel", "_served", "_steps")

    def __init__(self, served: ServedRequest, channel: SessionChannel) -> None:
        self._served, self._channel = served, channel
        self._steps: ProgressPacer | None = None

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        """End with JSON bytes."""
        served, channel = self._served, self._channel
        if table:
            channel.calls.answer(served, result, table)
        else:
            channel.calls.answer(served, result)
        channel.kick()

    async def lend(self, artifacts: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
        """Let the caller pull these, until its deadline and 60 s more."""
        served, channel = self._served, self._channel
        channel.calls.can.check_artifacts(channel.calls.peer)
        until = served.deadline + GRACE_SECONDS
        holder = served.incoming.holder
        return await channel.offers.lend(channel.calls.peer, artifacts, until, holder)

    def fail(self, error: MeshError) -> None:
        """End with an error."""
        self._channel.calls.refuse(self._served, error)
        self._channel.kick()

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """Send one item; waits while the reader is behind."""
        served, channel = self._served, self._channel
        while not channel.calls.item(served, chunk, table, event):
            assert served.flow is not None
            served.flow.waiter = waiter = asyncio.get_running_loop().create_future()
            await waiter
        channel.kick()

    def progress(self, fraction: float, note: str) -> None:
        """Tell how far it is, at most five times a second."""
        if self._steps is None:
            self._steps = ProgressPacer(self._channel.world, self._channel.timers, self._step)
        self._steps.step(fraction, note)

    def _step(self, fraction: float, note: str) -> None:
        self._channel.calls.progress(self._served, fraction, note)  # none after the answer
        self._channel.kick()


class CallDispatcher:
    """Carries out the effects of ``core.call`` for every peer of one mesh."""

    def __init__(self) -> None:
        self._context = copy_context()
        """Each request starts in a copy: what another set, or who opened the link, is not seen."""
        self.handler: Handler = _unserved
        self.follow: Callable[[Incoming], Handler | None] | None = None
        """Who answers a request that came here before by another door, if it did."""
        self.on_late: Callable[[PendingCall], None] = lambda pending: None
        self.skills: Callable[[Any], bytes] = lambda body: b"{}"
        self.pongs: dict[str, asyncio.Future[None]] = {}
        self.on_work: Callable[[], None] = lambda: None
        self.on_status: Callable[[str, Any], None] = lambda peer, payload: None
        self.on_pong: Callable[[str], None] = lambda rid: None
        self.on_lists: Callable[[AgentId, msgspec.Raw], None] = lambda peer, payload: None
        self.tasks: dict[asyncio.Future[Any], tuple[ServedRequest, SessionChannel]] = {}
        self.stopping = False

    def begin(self) -> None:
        """Requests are served in copies of the caller's context from now on."""
        self._context = copy_context()

    def __call__(self, channel: SessionChannel, sink: Sink) -> None:
        """Do what the sink says, in order. Nothing here raises."""
        for effect in sink:
            kind = effect.__class__
            if kind is PendingCall:
                waiter = effect.waiter
                if effect.flow is None and waiter is not None and not waiter.done():
                    waiter.set_result(None)
                else:
                    resolve(effect)
            elif kind is ServedRequest:
                self._start(effect, channel)
            else:
                self._seldom(effect)

    def _seldom(
        self,
        effect: Inflow
        | Outflow
        | StopHandler
        | CallOverdue
        | ListsReceived
        | PongReceived
        | ProgressReported,
    ) -> None:
        if isinstance(effect, ProgressReported):
            advance(effect.pending.outgoing, effect.fraction, effect.note)
        elif isinstance(effect, Inflow | Outflow):
            wake(effect)
        elif isinstance(effect, StopHandler):
            stop(effect.served)
        elif isinstance(effect, CallOverdue):
            self.on_late(effect.pending)
        elif isinstance(effect, ListsReceived):
            self.on_lists(effect.peer, effect.payload)
        else:
            waiter = self.pongs.pop(effect.rid, None)
            if waiter is None:
                self.on_pong(effect.rid)
            elif not waiter.done():
                waiter.set_result(None)

    def _start(self, served: ServedRequest, channel: SessionChannel) -> None:
        channel.count += 1
        if self.stopping:
            channel.calls.refuse(served, stopping(channel.calls.me, "definite"))
            channel.kick()
            return
        incoming, follow = served.incoming, self.follow
        responder = LinkResponder(served, channel)
        if incoming.kind != "task" and self._answered_here(incoming, responder):
            return
        duplicate = follow(incoming) if follow is not None else None
        try:
            work: Any = (duplicate or self.handler)(incoming, responder)
        except MeshError as error:
            responder.fail(error)
            return
        task: asyncio.Future[Any] = work
        if not isinstance(work, asyncio.Future):
            task = _task(work, loop=channel.loop, context=self._context.copy())
        if task.done():
            if served.answer is None or task.cancelled() or task.exception() is not None:
                self._ended(task, served, channel)
            return
        served.task = task
        self.tasks[task] = served, channel
        self.on_work()
        task.add_done_callback(lambda done: self._ended(done, served, channel))

    def _answered_here(self, incoming: Incoming, responder: LinkResponder) -> bool:
        """What no handler answers."""
        if incoming.kind == "skills":
            responder.reply(self.skills(incoming.body))
        elif incoming.kind == "status":
            self.on_status(incoming.caller, incoming.body)
            responder.reply(b"null")
        else:
            return False
        return True

    def _ended(
        self, task: asyncio.Future[Any], served: ServedRequest, channel: SessionChannel
    ) -> None:
        """The handler is over; an answer is owed in any case."""
        if self.tasks.pop(task, None) is not None:
            self.on_work()
        error = None if task.cancelled() else task.exception()
        if served.answer is not None:
            return
        if isinstance(error, MeshError):
            channel.calls.refuse(served, error)
        elif task.cancelled():
            # Had its caller or a stop cancelled it, it would have been answered by then.
            log.warning("%s was cancelled from inside", served.incoming.skill or "a request")
            channel.calls.refuse(served, interrupted(channel.calls.me))
        else:
            if error is not None:
                log.error("a handler failed with %s", type(error).__name__)
                log.debug("a handler failed", exc_info=error)
            channel.calls.refuse(served, SkillFailed(agent=channel.calls.me))
        channel.kick()

    async def stop(self) -> None:
        """Cancel every handler, say why, and wait for its end."""
        for served, channel in self.tasks.values():
            channel.calls.refuse(served, stopping(channel.calls.me))
            channel.kick()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for waiter in self.pongs.values():
            if not waiter.done():
                waiter.set_exception(closing())


def advance(outgoing: Outgoing, fraction: float | None, note: str) -> None:
    """Let the asker hear how far its request is. What it raises is its own, and ends nothing."""
    if outgoing.on_progress is None:
        return
    try:
        outgoing.on_progress(None if fraction is None else min(1.0, max(0.0, fraction)), note)
    except Exception as error:
        log.warning(
            "on_progress of a call to %s failed with %s; it goes on without",
            outgoing.target,
            type(error).__name__,
        )
        log.debug("on_progress failed", exc_info=error)
        outgoing.on_progress = None


def deliver_event(outgoing: Outgoing, event: bytes) -> None:
    """Let the asker hear an event of its task; one that cannot be read ends nothing."""
    if outgoing.on_event is not None:
        try:
            outgoing.on_event(event)
        except BadRequest as error:
            log.warning("an event of %s is left out: %s", outgoing.target, error.message)


def resolve(pending: PendingCall) -> None:
    """Wake the waiter of a call, and the reader of its stream."""
    waiter = pending.waiter
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
    if pending.flow is not None:
        wake(pending.flow)


def stop(served: ServedRequest) -> None:
    """Cancel a handler, also one that waits for credit."""
    if served.task is not None:
        served.task.cancel()


def wake(flow: Inflow | Outflow) -> None:
    """Something changed at a stream."""
    waiter, flow.waiter = flow.waiter, None
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class LinkStream:
    """``core.ports.Stream``: the items of one call. Leaving early cancels the far end.

    ``begin`` makes the call when the first item is asked for, and returns it with its channel;
    ``whole`` gets the answer of one that moved to the queue, in one piece. ``lend`` runs before
    ``begin``, ``settle`` once it is over: for the artifacts of its arguments.
    """

    def __init__(
        self,
        begin: Callable[[], tuple[PendingCall, SessionChannel]],
        whole: Callable[[PendingCall], Awaitable[CallAnswer]],
        lend: Callable[[], Awaitable[None]] | None = None,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self._begin, self._whole = begin, whole
        self._lend, self._settle = lend, settle
        self.artifacts: tuple[ArtifactFeed, ...] = ()
        self.event = b""
        self._open: tuple[PendingCall, SessionChannel] | None = None
        self._items: AsyncGenerator[bytes, None] | None = None
        self.via = ""

    @property
    def arrived(self) -> int:
        """How many items have come, in order."""
        flow = self._open[0].flow if self._open is not None else None
        return 0 if flow is None else flow.next

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The items, in order; a second loop goes on where the first stopped."""
        if self._items is None:
            self._items = self._read()
        return self._items

    async def _read(self) -> AsyncGenerator[bytes, None]:
        if self._lend is not None:
            await self._lend()
        pending, channel = self._open = self._begin()
        flow = pending.flow
        assert flow is not None
        try:
            while True:
                while flow.items:
                    self.via = channel.calls.via
                    item = channel.calls.take(pending)
                    self.event = flow.event
                    channel.kick()
                    if flow.artifacts or self.artifacts:
                        self.artifacts = channel.artifacts.feeds(flow.artifacts)
                    yield item
                if pending.error is not None:
                    raise pending.error
                if pending.moved:
                    answer = await self._whole(pending)
                    self.via, self.artifacts = answer.via, answer.artifacts
                    self.event = b""
                    yield answer.value
                    return
                if flow.ended:
                    self.via = pending.via
                    if flow.whole and pending.value is not None:
                        yield bytes(pending.value)
                    return
                flow.waiter = waiter = asyncio.get_running_loop().create_future()
                await waiter
        finally:
            self._leave(pending, channel)

    def _leave(self, pending: PendingCall, channel: SessionChannel) -> None:
        channel.calls.cancel(pending)
        channel.kick()
        self._settle()

    async def aclose(self) -> None:
        """Cancel the far end unless it already ended."""
        if self._open is not None:
            self._leave(*self._open)
        if self._items is not None:
            await self._items.aclose()


async def _unserved(incoming: Any, responder: Any) -> None:
    """The handler of who serves nothing."""
    raise UnknownSkill("This peer serves no skills.")
