"""The sidecar's socket: who may connect, and which connection is the program."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from chatixia.core.ports import MeshPort
from chatixia.errors import AlreadyRunning, MeshError, Replaced, Unavailable
from chatixia.wire import ipc
from chatixia.wire.base import decode, encode
from chatixia.wire.ipc_events import (
    ChallengeEvent,
    ChallengePayload,
    ErrorEvent,
    ProofEvent,
    commands,
)
from chatixia.world import REAL, World

from . import proof, sockets
from .accepted import UnixConnection
from .commands import MeshCommands
from .ports import AnySkillCaller, BeginCall, FileFolder, SidecarMesh, no_link, nobody
from .program import ProgramConnection, SidecarParts
from .requests import RequestTable

log = logging.getLogger("chatixia.sidecar")

MOST_UNATTACHED: Final = 8
"""Connections that are not the program's, at once."""
DECIDE_SECONDS: Final = 2.0
"""How long another connection may be silent while there is a program."""


class SidecarServer:
    """Serves the program of one agent, whatever the program's life. ``on_hello``: it said who it
    is; ``on_left``: it left; ``begin``: the short way for calls over open links."""

    def __init__(
        self,
        mesh: SidecarMesh,
        files: FileFolder,
        *,
        any_skill: AnySkillCaller = nobody,
        begin: BeginCall = no_link,
        world: World = REAL,
        on_hello: Callable[[ipc.IpcHelloPayload], None] = lambda hello: None,
        on_left: Callable[[], None] = lambda: None,
    ) -> None:
        self._world = world
        port: MeshPort = mesh.port
        self.table = RequestTable(port, world)
        do = MeshCommands(mesh, self.table, files, any_skill, world)
        self._parts = SidecarParts(mesh, self.table, do, files, world, begin)
        self._on_hello, self._on_left = on_hello, on_left
        self._program: ProgramConnection | None = None
        self._others: dict[ProgramConnection, asyncio.TimerHandle] = {}
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._token = b""

    # -- life

    def begin(self) -> None:
        """Take requests of the mesh; they wait for a program. Before the port starts."""
        self.table.begin()

    async def listen(self, path: Path, *, tcp: bool = False) -> None:
        """Be found at ``path``. Raises AlreadyRunning, ConfigError."""
        sockets.private_folder(path.parent)
        loop = asyncio.get_running_loop()
        if tcp:
            self._token = self._world.token(proof.TOKEN_BYTES)
            listener = sockets.listen_tcp()
            address = sockets.TcpAddress(listener.getsockname()[1], proof.text(self._token))
            sockets.write_address(path, address)
            self._server = await loop.create_server(self._tcp, sock=listener)
        else:
            self._server = await loop.create_unix_server(self._unix, sock=sockets.listen_unix(path))
        self._path = path

    def _unix(self) -> ProgramConnection:
        return UnixProgram(self._parts, self)

    def _tcp(self) -> ProgramConnection:
        return TcpProgram(self._parts, self, self._token)

    async def stop(self) -> None:
        """End what is open, say so, and be found no more."""
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
        self.table.stop()
        program, self._program = self._program, None
        for connection in [*self._others, *([program] if program is not None else [])]:
            connection.finish(Unavailable("The sidecar is stopping.", outcome="unknown"))
        await asyncio.sleep(0)

    # -- which connection is the program (program.Listener)

    def arrived(self, connection: ProgramConnection) -> None:
        """One that may be the program: it is this user's."""
        if self._program is None:
            self._attach(connection)
        elif len(self._others) >= MOST_UNATTACHED:
            connection.abort()
        else:
            later = asyncio.get_running_loop().call_later
            self._others[connection] = later(DECIDE_SECONDS, self._refuse, connection, 0)

    def first(self, connection: ProgramConnection, line: Any) -> None:
        """The first line of one that is not the program."""
        if connection not in self._others:
            return
        program = self._program
        takes_over = isinstance(line, ipc.HelloCommand) and line.payload.takeover
        if program is not None and not takes_over:
            self._refuse(connection, line.id)
            return
        if program is not None:
            self._program = None
            program.finish(Replaced("Another program took over this socket."))
        self._attach(connection)
        connection.receive(line)

    def _attach(self, connection: ProgramConnection) -> None:
        timer = self._others.pop(connection, None)
        if timer is not None:
            timer.cancel()
        self._program = connection
        connection.attach()

    def _refuse(self, connection: ProgramConnection, number: int) -> None:
        timer = self._others.pop(connection, None)
        if timer is not None:
            timer.cancel()
        error = AlreadyRunning("Another program is on this socket; say hello with takeover.")
        connection.send(ErrorEvent(error.to_wire(), id=number))
        connection.abort()

    def greeted(self, hello: ipc.IpcHelloPayload) -> None:
        """The program said hello."""
        self._on_hello(hello)

    def ended(self, connection: ProgramConnection) -> None:
        """A connection is over; one that waits is the program now."""
        timer = self._others.pop(connection, None)
        if timer is not None:
            timer.cancel()
        if connection is not self._program:
            return
        self._program = None
        self._on_left()
        if self._others:
            self._attach(next(iter(self._others)))


class UnixProgram(UnixConnection, ProgramConnection):
    """A connection over the Unix socket."""

    def admitted(self) -> None:
        """It may be the program."""
        self._listener.arrived(self)


class TcpProgram(ProgramConnection):
    """A connection over loopback: its first line proves that it has the token."""

    def __init__(self, parts: SidecarParts, listener: Any, token: bytes) -> None:
        super().__init__(parts, listener)
        self._token, self._challenge = token, proof.nonce(parts.world)
        self._proved = False
        self._start = b""
        self._proof_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's word."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._proof_timer = self.loop.call_later(ipc.PROOF_SECONDS, self.abort)
        self.send(ChallengeEvent(ChallengePayload(self._challenge)))

    def data_received(self, data: bytes) -> None:
        """asyncio's word."""
        if self._proved:
            super().data_received(data)
            return
        self._start += data[: ipc.MAX_FIRST_LINE + 1 - len(self._start)]
        line, end, _ = self._start.partition(b"\n")
        if not end and len(self._start) <= ipc.MAX_FIRST_LINE:
            return
        rest = data[data.find(b"\n") + 1 :]
        self._start = b""
        if not end or not self._proves(line):
            log.warning("a connection without the token was refused")
            self.abort()
            return
        self._listener.arrived(self)
        if rest and self.transport is not None:
            super().data_received(rest)

    def _proves(self, line: bytes) -> bool:
        try:
            first = decode(commands, line, ipc.MAX_FIRST_LINE)
        except MeshError:
            return False
        if not isinstance(first, ipc.ProofCommand):
            return False
        token, nonces = self._token, (self._challenge, first.payload.nonce)
        if not proof.proves(token, ipc.CLIENT_PROOF, *nonces, first.payload.mac):
            return False
        self._proved = True
        if self._proof_timer is not None:
            self._proof_timer.cancel()
        mac = proof.mac(token, ipc.SERVER_PROOF, *nonces)
        self.write(encode(ProofEvent(ipc.ProofPayload(first.payload.nonce, mac))))
        return True

    def lost(self) -> None:
        """The connection is over."""
        if self._proof_timer is not None:
            self._proof_timer.cancel()
        super().lost()
