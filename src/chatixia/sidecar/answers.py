"""Requests as a program gets them, and its answers: ``reply``, ``fail``, ``item``, ``progress``."""

from __future__ import annotations

from typing import Any

import msgspec

from chatixia.errors import BadRequest, MeshError, NotFound, Overloaded, from_wire
from chatixia.wire import ipc
from chatixia.wire.ipc_events import (
    CancelEvent,
    CreditEvent,
    CreditGrant,
    PromptEvent,
    RequestEvent,
    RequestPayload,
)
from chatixia.world import World

from .items import ItemFlow
from .ports import FileFolder
from .references import ReferenceTable
from .requests import OpenRequest, RequestTable
from .runner import CommandRunner


class RequestAnswers:
    """The requests of one ``program``, which is told of them by ``runner``'s line."""

    def __init__(
        self,
        program: Any,
        runner: CommandRunner,
        table: RequestTable,
        references: ReferenceTable,
        files: FileFolder,
        world: World,
    ) -> None:
        self._program, self._runner, self._table = program, runner, table
        self._references, self._files, self._world = references, files, world

    def give(self, request: OpenRequest) -> None:
        """Tell of a request."""
        incoming, left = request.incoming, 0
        if incoming.deadline is not None:
            left = max(1, int(1000 * (incoming.deadline - self._world.monotonic())))
        files = self._references.name(incoming.artifacts) if incoming.artifacts else ()
        request.refs = tuple(file.ref for file in files)
        payload = RequestPayload(
            incoming.caller,
            incoming.skill,
            incoming.body,
            incoming.stream,
            list(incoming.path),
            left,
            incoming.traceparent,
            incoming.via,
            incoming.key,
            incoming.request_id,
            incoming.fence,
            incoming.attempt,
            incoming.task_id,
            incoming.holder,
            artifacts=files,
            trust=incoming.trust,
        )
        kind = PromptEvent if incoming.kind == "prompt" else RequestEvent
        self._program.send(kind(payload, id=request.id))

    def withdraw(self, request: OpenRequest) -> None:
        """Nobody waits for it any more."""
        self.release(request)
        self._program.send(CancelEvent(id=request.id))

    def release(self, request: OpenRequest) -> None:
        """Its artifacts can be fetched no more."""
        for ref in request.refs:
            self._references.release(ref)

    def reply(self, line: ipc.ReplyCommand) -> None:
        """The answer. Raises NotFound."""
        request, payload = self._served(line.cause), line.payload
        if request.flow is None and not payload.artifacts:
            request.responder.reply(bytes(payload.value))
            request.over.set_result(None)
            if line.id:
                self._runner.done(line.id)
            return

        async def reply() -> None:
            table = await self._lend(request, payload.artifacts)
            request.responder.reply(bytes(payload.value), table)
            request.end()
            self._runner.done(line.id)

        self._flow(request).last(reply)

    def fail(self, line: ipc.FailCommand) -> None:
        """An error as the answer. Raises NotFound."""
        request, error = self._served(line.cause), from_wire(line.payload)
        if request.flow is None:
            request.end(error)
            self._runner.done(line.id)
            return

        async def fail() -> None:
            request.end(error)
            self._runner.done(line.id)

        request.flow.last(fail)

    def item(self, line: ipc.ItemCommand) -> None:
        """An item. Raises NotFound, BadRequest, Overloaded without credit: the request ends."""
        request, payload = self._served(line.cause), line.payload
        if not request.incoming.stream:
            raise BadRequest(f"The request {line.cause} does not stream.")
        item, event = bytes(payload.item), _event(payload.event)

        async def send() -> None:
            table = await self._lend(request, payload.artifacts)
            await request.responder.item(item, table, event)
            self._runner.done(line.id)

        try:
            self._flow(request).put(len(item) + len(event) + ipc.ITEM_COST, send)
        except Overloaded as error:
            self._flow_failed(request, error)
            raise

    def advance(self, line: ipc.ProgressCommand) -> None:
        """How far it is. Raises NotFound."""
        request, fraction = self._served(line.cause), line.payload.fraction
        if fraction is not None:
            request.responder.progress(min(1.0, max(0.0, fraction)), line.payload.note)
        self._runner.done(line.id)

    def _served(self, number: int) -> OpenRequest:
        request = self._table.open.get(number)
        if request is None or request.program is not self._program or request.over.done():
            raise NotFound(f"There is no request {number} that waits for this.")
        return request

    async def _lend(self, request: OpenRequest, files: ipc.IpcFiles) -> Any:
        if not files:
            return ()
        return await request.responder.lend([self._files.source(file) for file in files])

    def _flow(self, request: OpenRequest) -> ItemFlow:
        if request.flow is None:

            def credit(more: int) -> None:
                self._program.send(CreditEvent(CreditGrant(more), id=request.id))

            request.flow = ItemFlow(credit, lambda error: self._flow_failed(request, error))
        return request.flow

    def _flow_failed(self, request: OpenRequest, error: MeshError) -> None:
        """Its items can go on no more: its caller hears why, and so does the program."""
        if not request.over.done():
            request.end(error)
            self.withdraw(request)


def _event(event: msgspec.Raw | msgspec.UnsetType) -> bytes:
    return bytes(event) if isinstance(event, msgspec.Raw) else b""
