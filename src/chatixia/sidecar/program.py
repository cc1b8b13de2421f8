"""One program on the socket: its commands become calls, the mesh's requests become its events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from chatixia.errors import BadRequest, ConfigError, Internal, MeshError, UpgradeNeeded
from chatixia.wire import ipc
from chatixia.wire.base import encode
from chatixia.wire.ipc_events import ErrorEvent, IpcWelcome, ResultPayload, commands
from chatixia.world import World

from .accepted import AcceptedConnection
from .answers import RequestAnswers
from .commands import MeshCommands
from .lines import number_of
from .messages import DescribedCommands
from .ports import BeginCall, FileFolder, SidecarMesh, no_link
from .references import ReferenceTable
from .requests import OpenRequest, RequestTable
from .runner import CommandRunner, ReaderCredit

log = logging.getLogger("chatixia.sidecar")

SILENT_SECONDS: Final = 0.5
"""Who says no ``hello`` by then speaks the described contract."""


class SidecarParts(msgspec.Struct, frozen=True):
    """What the connections of a sidecar share."""

    mesh: SidecarMesh
    table: RequestTable
    commands: MeshCommands
    files: FileFolder
    world: World
    begin: BeginCall = no_link


class ProgramListener(Protocol):
    """Who decides which connection is the program."""

    def arrived(self, connection: ProgramConnection) -> None:
        """A connection of this user is there."""
        ...

    def first(self, connection: ProgramConnection, line: Any) -> None:
        """A line of a connection that is not attached."""
        ...

    def greeted(self, hello: ipc.IpcHelloPayload) -> None:
        """The program said hello."""
        ...

    def ended(self, connection: ProgramConnection) -> None:
        """A connection is over."""
        ...


class ProgramConnection(AcceptedConnection):
    """A connection from a program; its commands count once :meth:`attach` was called.

    ``form``: how it wants its requests, "" while that is not known, ``lines`` or ``described``.
    """

    def __init__(self, parts: SidecarParts, listener: ProgramListener) -> None:
        super().__init__(commands)
        self._parts, self._listener = parts, listener
        self._table, self._do, port = parts.table, parts.commands, parts.mesh.port
        self._references = ReferenceTable(parts.files)
        self._runner = CommandRunner(self, self._references, parts.world, parts.begin)
        self._answers = RequestAnswers(
            self, self._runner, parts.table, self._references, parts.files, parts.world
        )
        self._messages = DescribedCommands(self, port, self._runner, parts.commands)
        self._port = port
        self._timer: asyncio.TimerHandle | None = None
        self._attached = False
        self.form = ""

    # -- life

    def attach(self) -> None:
        """This is the program."""
        self._attached = True
        self._table.attach(self)
        self._timer = self.loop.call_later(SILENT_SECONDS, self._speaks, "described")

    def _speaks(self, form: str) -> None:
        if self.form == "lines" or form == self.form or not self._attached:
            return
        self.form = form
        if form == "described":
            self._table.serve_all()
            self._messages.watch_peers()
        else:
            self._messages.stop()
        self._table.resume()

    def lost(self) -> None:
        """The connection is over."""
        self.detach()
        self._listener.ended(self)

    def detach(self) -> None:
        """This is the program no more: what it had open ends."""
        if not self._attached:
            return
        self._attached = False
        if self._timer is not None:
            self._timer.cancel()
        self._messages.stop()
        self._runner.close()
        self._table.detach(self)
        self._references.close()

    def alone(self) -> bool:
        """Whether one call or one request is open, at most."""
        return len(self._runner) + len(self._table.open) <= 1

    def finish(self, error: MeshError) -> None:
        """Tell it why, end what it had open, and close."""
        self._runner.end(error)
        self.send(ErrorEvent(error.to_wire()))
        self.detach()
        self.abort()

    def drained(self) -> None:
        """It reads again."""
        super().drained()
        if self._attached:
            self._table.resume()

    def reject(self, line: bytes, error: MeshError) -> None:
        """A line that cannot be read."""
        self.send(ErrorEvent(error.to_wire(), id=number_of(line)))

    # -- requests for it (requests.RequestTaker)

    @property
    def takes(self) -> bool:
        """Whether it can be given requests."""
        return bool(self.form) and not self.full and self.transport is not None

    def give(self, request: OpenRequest) -> None:
        """Hand it one."""
        if self.form == "described":
            self._messages.requests.give(request)
        else:
            self._answers.give(request)

    def withdraw(self, request: OpenRequest) -> None:
        """Nobody waits for that one."""
        if self.form == "described":
            self._messages.requests.withdraw(request)
        else:
            self._answers.withdraw(request)

    def release(self, request: OpenRequest) -> None:
        """That one was answered."""
        if request.refs:
            self._answers.release(request)

    # -- its commands

    def receive(self, line: Any) -> None:
        """One command. Nothing here raises."""
        if not self._attached:
            self._listener.first(self, line)
            return
        if line.id in self._runner.tasks:
            self._runner.conflict(line.id)
            return
        try:
            HANDLERS[line.__class__](self, line)
        except MeshError as error:
            self._runner.refuse(line.id, error)
        except Exception as error:
            log.error("a command failed with %s", type(error).__name__)
            log.debug("a command failed", exc_info=error)
            self._runner.refuse(line.id, Internal())

    def _call(self, line: ipc.CallCommand) -> None:
        request = self._do.cause(line.cause, self) if line.cause else None
        progress = self._runner.progress(line.id) if line.payload.progress else None
        outgoing = self._do.call(line.payload, request, progress)
        self._runner.call(line.id, outgoing, self._port, request)

    def _any(self, line: ipc.AnyCommand) -> None:
        request = self._do.cause(line.cause, self)
        progress = self._runner.progress(line.id) if line.payload.progress else None
        self._runner.start(line.id, self._do.any(line.payload, request, progress), request)

    def _stream(self, line: ipc.StreamCommand) -> None:
        request = self._do.cause(line.cause, self)
        outgoing = self._do.call(line.payload, request, self._runner.progress(line.id))
        self._runner.stream(line.id, self._port.stream, outgoing, line.payload, request)

    def _ask(self, line: ipc.AskCommand) -> None:
        request = self._do.cause(line.cause, self)
        outgoing = self._do.ask(line.payload, request, self._runner.progress(line.id))
        if line.payload.prompt.stream:
            self._runner.stream(line.id, self._port.stream, outgoing, line.payload, request)
        else:
            self._runner.start(line.id, self._port.call(outgoing), request)

    def _skills(self, line: ipc.SkillsCommand) -> None:
        request = self._do.cause(line.cause, self)
        outgoing = self._do.skills(line.payload, request)
        self._runner.start(line.id, self._port.call(outgoing), request)

    def _submit(self, line: ipc.SubmitCommand) -> None:
        request = self._do.cause(line.cause, self)
        self._runner.start(line.id, self._do.submit(line.payload, request), request)

    def _verb(self, line: ipc.VerbCommand) -> None:
        request = self._do.cause(line.cause, self)
        self._runner.start(line.id, self._do.verb(line.payload, request), request)

    def _watch(self, line: ipc.WatchCommand) -> None:
        credit = ReaderCredit(line.payload.credit)
        self._runner.pushes(line.id, credit, lambda item: self._do.watch(line.payload, item))

    def _simple(self, line: Any) -> None:
        """A command whose work needs its payload alone."""
        self._runner.start(line.id, getattr(self._do, line.__struct_config__.tag)(line.payload))

    def _fetch(self, line: ipc.FetchCommand) -> None:
        self._runner.start(line.id, self._fetched(line.payload))

    async def _fetched(self, payload: ipc.FetchPayload) -> ResultPayload:
        path = await self._references.fetch(payload.ref, payload.timeout)
        return ResultPayload(msgspec.Raw(encode({"path": path})))

    def _release(self, line: ipc.ReleaseCommand) -> None:
        self._references.release(line.payload.ref)
        self._runner.done(line.id)

    def _cancel(self, line: ipc.CancelCommand) -> None:
        self._runner.cancel(line.payload.call)
        self._runner.done(line.id)

    def _credit(self, line: ipc.CreditCommand) -> None:
        self._runner.grant(line.payload.call, line.payload.bytes)
        self._runner.done(line.id)

    def _status(self, line: ipc.StatusCommand) -> None:
        self._runner.done(line.id, self._do.status(len(self._runner), self.unread))

    # -- what it serves

    def _hello(self, line: ipc.HelloCommand) -> None:
        hello, mesh = line.payload, self._parts.mesh
        if hello.name and hello.name != self._port.id:
            raise ConfigError(f"This is the sidecar of {self._port.id}, not of {hello.name}.")
        if hello.version != ipc.IPC_VERSION:
            raise UpgradeNeeded(
                f"This sidecar speaks version {ipc.IPC_VERSION} on its socket, not {hello.version}."
            )
        self._table.wait = hello.away == "wait"
        if hello.skills is not None:
            self._table.serve(ipc.ServePayload(hello.skills, hello.slots, hello.prompt))
        welcome = IpcWelcome(self._port.id, ipc.IPC_VERSION, self._parts.files.path)
        welcome.key, welcome.label, welcome.url = mesh.key, mesh.label, mesh.url
        welcome.online = mesh.is_online
        self._runner.done(line.id, ResultPayload(msgspec.Raw(encode(welcome))))
        self._speaks("lines")
        self._listener.greeted(hello)

    def _serve(self, line: ipc.ServeCommand) -> None:
        self._table.serve(line.payload)
        self._runner.done(line.id)
        self._speaks("lines")

    def _reply(self, line: ipc.ReplyCommand) -> None:
        self._answers.reply(line)

    def _fail(self, line: ipc.FailCommand) -> None:
        self._answers.fail(line)

    def _item(self, line: ipc.ItemCommand) -> None:
        self._answers.item(line)

    def _progress(self, line: ipc.ProgressCommand) -> None:
        self._answers.advance(line)

    # -- the described contract

    def _send(self, line: ipc.SendCommand) -> None:
        self._speaks("described")
        self._messages.send(line, self._do.cause(line.cause, self))

    def _broadcast(self, line: ipc.BroadcastCommand) -> None:
        self._speaks("described")
        self._messages.broadcast(line, self._do.cause(line.cause, self))

    def _list_peers(self, line: ipc.ListPeersCommand) -> None:
        self._speaks("described")
        self._messages.list_peers(line)

    def _proof(self, line: ipc.ProofCommand) -> None:
        raise BadRequest("A proof is the first line of a TCP connection, and of no other.")


HANDLERS: Final[dict[type, Callable[[ProgramConnection, Any], None]]] = {
    ipc.CallCommand: ProgramConnection._call,
    ipc.ReplyCommand: ProgramConnection._reply,
    ipc.SendCommand: ProgramConnection._send,
    ipc.BroadcastCommand: ProgramConnection._broadcast,
    ipc.ListPeersCommand: ProgramConnection._list_peers,
    ipc.ConnectCommand: ProgramConnection._simple,
    ipc.HelloCommand: ProgramConnection._hello,
    ipc.ServeCommand: ProgramConnection._serve,
    ipc.StreamCommand: ProgramConnection._stream,
    ipc.AnyCommand: ProgramConnection._any,
    ipc.AskCommand: ProgramConnection._ask,
    ipc.SkillsCommand: ProgramConnection._skills,
    ipc.PingCommand: ProgramConnection._simple,
    ipc.AgentsCommand: ProgramConnection._simple,
    ipc.StatusCommand: ProgramConnection._status,
    ipc.SubmitCommand: ProgramConnection._submit,
    ipc.TaskCommand: ProgramConnection._simple,
    ipc.WatchCommand: ProgramConnection._watch,
    ipc.VerbCommand: ProgramConnection._verb,
    ipc.CancelCommand: ProgramConnection._cancel,
    ipc.CreditCommand: ProgramConnection._credit,
    ipc.FetchCommand: ProgramConnection._fetch,
    ipc.ReleaseCommand: ProgramConnection._release,
    ipc.FailCommand: ProgramConnection._fail,
    ipc.ItemCommand: ProgramConnection._item,
    ipc.ProgressCommand: ProgramConnection._progress,
    ipc.ProofCommand: ProgramConnection._proof,
}
