"""The commands of one program that are open: each ends with exactly one word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from chatixia.core.ports import BegunCall, CallAnswer, MeshPort, Outgoing, Stream
from chatixia.errors import Cancelled, Conflict, Internal, MeshError, Overloaded
from chatixia.wire import ipc
from chatixia.wire.ipc import ItemPayload, ProgressPayload
from chatixia.wire.ipc_events import (
    ErrorEvent,
    ItemEvent,
    ProgressEvent,
    ResultEvent,
    ResultPayload,
)
from chatixia.world import EAGER, World

from .lines import LineProtocol
from .ports import BeginCall, no_link
from .references import ReferenceTable
from .requests import OpenRequest

log = logging.getLogger("chatixia.sidecar")

MAX_OPEN: Final = 1024
"""Commands of a program that are open."""


class ReaderCredit:
    """Room that a program has for the items of one stream."""

    __slots__ = ("left", "waiter")

    def __init__(self, left: int) -> None:
        self.left = left
        self.waiter: asyncio.Future[None] | None = None

    def grant(self, more: int) -> None:
        """It has more."""
        self.left += more
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def take(self, size: int) -> None:
        """An item was sent; wait until there is room for another."""
        self.left -= size
        while self.left <= 0:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter


class LinkedCall:
    """A call over an open link: its end is told as it is read, with no task (``CallWaiter``).
    ``begun`` leads back to it, so it lets go of that when it is over: a cycle of each call would
    wait for the collector."""

    __slots__ = ("_is_over", "_runner", "begun", "key", "number", "request")

    def __init__(
        self, runner: CommandRunner, number: int, key: int, request: OpenRequest | None
    ) -> None:
        self._runner, self.number, self.key, self.request = runner, number, key, request
        self._is_over = False
        self.begun: BegunCall

    def done(self) -> bool:
        """Whether it is over."""
        return self._is_over

    def set_result(self, result: None) -> None:
        """Its end is there. Nothing here raises."""
        self._is_over = True
        begun = self.begun
        del self.begun
        self._runner.ended(self, begun)

    def cancel(self) -> None:
        """The program does not want it any more."""
        if not self._is_over:
            self._is_over = True
            self.begun.leave()
            del self.begun
            self._runner.canceled(self)


class CommandRunner:
    """Runs what commands ask for, and tells the end of each to ``line``. ``begin``: the short way
    for calls. ``tasks``: what is open, by the id of its command."""

    def __init__(
        self,
        line: LineProtocol,
        references: ReferenceTable,
        world: World,
        begin: BeginCall = no_link,
    ) -> None:
        self._line, self._references, self._world = line, references, world
        self._begin = begin
        self.tasks: dict[int, asyncio.Task[None] | LinkedCall] = {}
        self._unnumbered = 0
        self._credits: dict[int, ReaderCredit] = {}
        self._ended = False

    def __len__(self) -> int:
        return len(self.tasks)

    def refuse(self, number: int, error: MeshError) -> None:
        """A command failed."""
        if number:
            self._line.send(ErrorEvent(error.to_wire(), id=number))
        else:
            log.debug("a command failed: %s", error)

    def done(self, number: int, result: ResultPayload | None = None) -> None:
        """A command is done."""
        if number:
            self._line.send(ResultEvent(result or ResultPayload(), id=number))

    def start(
        self,
        number: int,
        work: Awaitable[Any],
        request: OpenRequest | None = None,
        inner: Awaitable[Any] | None = None,
    ) -> None:
        """Carry out ``work`` and tell its end under ``number``; it ends with ``request``.
        ``inner``: what ``work`` awaits."""
        if len(self.tasks) >= MAX_OPEN:
            _close(work)
            _close(inner)
            self._refuse_start(number)
            return
        key = number or self._next_key()
        run = self._run(number, key, work)
        task: asyncio.Task[None] = asyncio.Task(run, loop=self._line.loop, **EAGER)
        if not task.done():
            self._keep(key, task, request)

    def _next_key(self) -> int:
        self._unnumbered -= 1
        return self._unnumbered

    def _keep(self, key: int, task: asyncio.Task[None], request: OpenRequest | None) -> None:
        self.tasks[key] = task
        if request is not None:
            request.calls.add(task)
            task.add_done_callback(request.calls.discard)

    def call(
        self, number: int, outgoing: Outgoing, port: MeshPort, request: OpenRequest | None = None
    ) -> None:
        """Call a skill, with no task where a link is open. Raises what it is refused with."""
        if len(self.tasks) >= MAX_OPEN:
            self._refuse_start(number)
            return
        call = LinkedCall(self, number, number or self._next_key(), request)
        begun = self._begin(outgoing, call)
        if begun is None:
            self.start(number, port.call(outgoing), request)
            return
        call.begun = begun
        self.tasks[call.key] = call
        if request is not None:
            request.calls.add(call)

    def ended(self, call: LinkedCall, begun: BegunCall) -> None:
        """That one has its answer, or its error, or goes on by the queue."""
        number, answer = call.number, None
        try:
            answer = begun.answer()
            if answer is not None and number:
                self._line.send(ResultEvent(self._answered(answer), id=number))
        except MeshError as error:
            self.refuse(number, error)
            error.__traceback__ = None  # which leads to what holds the error
        except Exception as error:  # noqa: BLE001 - a command always ends with a word
            self._failed(number, error)
        else:
            if answer is None:
                self._forget(call)
                self._go_on(call, begun)
                return
        self._forget(call)

    def _go_on(self, call: LinkedCall, begun: BegunCall) -> None:
        run = self._run(call.number, call.key, begun.queued())
        self._keep(call.key, asyncio.Task(run, loop=self._line.loop), call.request)

    def canceled(self, call: LinkedCall) -> None:
        """That one was left."""
        if not self._ended:
            self.refuse(call.number, Cancelled())
        self._forget(call)

    def _forget(self, call: LinkedCall) -> None:
        self.tasks.pop(call.key, None)
        if call.request is not None:
            call.request.calls.discard(call)

    def conflict(self, number: int) -> None:
        """A command came with the id of one that is open, whose own end keeps the id."""
        error = Conflict(f"A command with the id {number} is open.")
        self._line.send(ErrorEvent(error.to_wire()))

    def _refuse_start(self, number: int) -> None:
        self.refuse(number, Overloaded(f"At most {MAX_OPEN} commands may be open."))

    async def _run(self, number: int, key: int, work: Awaitable[Any]) -> None:
        try:
            result = await work
        except MeshError as error:
            self.refuse(number, error)
        except asyncio.CancelledError:
            if not self._ended:
                self.refuse(number, Cancelled())
        except Exception as error:  # noqa: BLE001 - a command always ends with a word
            self._failed(number, error)
        else:
            if number:
                if result.__class__ is CallAnswer:
                    result = self._answered(result)
                self._line.send(ResultEvent(result, id=number))
        finally:
            self.tasks.pop(key, None)

    def _failed(self, number: int, error: Exception) -> None:
        log.error("a command failed with %s", type(error).__name__)
        log.debug("a command failed", exc_info=error)
        self.refuse(number, Internal())

    def _answered(self, answer: CallAnswer) -> ResultPayload:
        files = self._references.name(answer.artifacts) if answer.artifacts else ()
        return ResultPayload(
            msgspec.Raw(answer.value),
            answer.via,
            answer.ms,
            answer.agent,
            answer.link_ms,
            answer.where,
            answer.reason,
            answer.tried_ms,
            files,
        )

    def stream(
        self,
        number: int,
        open_stream: Callable[[Outgoing], Stream],
        outgoing: Outgoing,
        options: ipc.OptionsPayload,
        request: OpenRequest | None,
    ) -> None:
        """Read a stream as fast as the program has room for its items."""
        if options.progress:
            outgoing.on_event = self._event(number)
        credit = ReaderCredit(options.credit)
        self.start(number, self._read(number, open_stream(outgoing), credit), request)

    async def _read(self, number: int, stream: Stream, credit: ReaderCredit) -> ResultPayload:
        self._credits[number] = credit
        began = self._world.monotonic()
        try:
            async for item in stream:
                payload = ItemPayload(msgspec.Raw(item))
                if stream.artifacts:
                    payload.artifacts = self._references.name(stream.artifacts)
                if stream.event:
                    payload.event = msgspec.Raw(stream.event)
                await self._give(number, payload, credit, len(item) + len(stream.event))
        finally:
            self._credits.pop(number, None)
            await stream.aclose()
        ms = 1000 * (self._world.monotonic() - began)
        return ResultPayload(via=stream.via, ms=ms)

    async def _give(
        self, number: int, payload: ItemPayload, credit: ReaderCredit, size: int
    ) -> None:
        self._line.send(ItemEvent(payload, id=number))
        await credit.take(size)

    def pushes(
        self,
        number: int,
        credit: ReaderCredit,
        watch: Callable[[Callable[[bytes], Any]], Awaitable[ResultPayload]],
    ) -> None:
        """Let ``watch`` tell items."""

        async def item(data: bytes) -> None:
            await self._give(number, ItemPayload(msgspec.Raw(data)), credit, len(data))

        async def run() -> ResultPayload:
            self._credits[number] = credit
            try:
                return await watch(item)
            finally:
                self._credits.pop(number, None)

        self.start(number, run())

    def progress(self, number: int) -> Callable[[float | None, str], None]:
        """Who hears how far the command of that number is."""

        def tell(fraction: float | None, note: str) -> None:
            self._line.send(ProgressEvent(ProgressPayload(fraction, note[:1024]), id=number))

        return tell

    def _event(self, number: int) -> Callable[[bytes], None]:
        def tell(event: bytes) -> None:
            self._line.send(ProgressEvent(ProgressPayload(event=msgspec.Raw(event)), id=number))

        return tell

    def cancel(self, number: int) -> None:
        """The program does not want that one any more."""
        task = self.tasks.get(number)
        if task is not None:
            task.cancel()

    def grant(self, number: int, more: int) -> None:
        """It has room for more items."""
        credit = self._credits.get(number)
        if credit is not None:
            credit.grant(more)

    def end(self, error: MeshError) -> None:
        """Every open command ends with ``error``, which is told at once."""
        for number in [key for key in self.tasks if key > 0]:
            self.refuse(number, error)
        self._ended = True
        self.close()

    def close(self) -> None:
        """The program is gone."""
        self._ended = True
        for task in list(self.tasks.values()):
            task.cancel()


def _close(work: Awaitable[Any] | None) -> None:
    close = getattr(work, "close", None)
    if close is not None:
        close()
