"""The socket of a described peer: one program, four commands, four events (requirements B.4)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatixia.errors import AlreadyRunning, BadRequest, ConfigError, MeshError
from chatixia.wire import ipc
from chatixia.wire.ipc_events import (
    ErrorEvent,
    PeerListEvent,
    PeersPayload,
    ResultEvent,
    commands,
)

from . import sockets
from .accepted import UnixConnection
from .lines import number_of
from .message_relay import MessageRelay

log = logging.getLogger("chatixia.sidecar")

NOT_HERE = (
    "This sidecar is a described peer: it takes send, broadcast, list_peers and connect, and no"
    " other command."
)


class DescribedProgram(UnixConnection):
    """A connection. ``server``: decides whether it is the program."""

    def __init__(self, server: DescribedServer) -> None:
        super().__init__(commands)
        self._server = server

    def admitted(self) -> None:
        """It may be the program."""
        self._server.arrived(self)

    def lost(self) -> None:
        """It hung up."""
        self._server.left(self)

    def reject(self, line: bytes, error: MeshError) -> None:
        """A line that cannot be read, or is no command."""
        log.warning("a line of the program is ignored: %s", error)
        self.send(ErrorEvent(error.to_wire(), id=number_of(line)))

    def receive(self, line: Any) -> None:
        """One command. Nothing here raises."""
        if not self._server.is_program(self):
            return
        try:
            self._do(line, self._server.relay)
        except MeshError as error:
            log.warning("a command failed: %s", error)
            self.send(ErrorEvent(error.to_wire(), id=line.id))

    def _do(self, line: Any, relay: MessageRelay) -> None:
        if isinstance(line, ipc.SendCommand):
            relay.send(line.payload.target_peer, line.payload.message)
        elif isinstance(line, ipc.BroadcastCommand):
            relay.broadcast(line.payload.message)
        elif isinstance(line, ipc.ConnectCommand):
            relay.connect(line.payload.target_peer_id)
        elif isinstance(line, ipc.ListPeersCommand):
            self.send(PeerListEvent(PeersPayload(relay.peers()), id=line.id))
            return
        else:
            raise BadRequest(NOT_HERE)
        if line.id:
            self.send(ResultEvent(id=line.id))


class DescribedServer:
    """Serves one program, and calls ``on_left`` once it hangs up: the sidecar is its own."""

    def __init__(self, relay: MessageRelay, on_left: Callable[[], None]) -> None:
        self.relay, self._on_left = relay, on_left
        self._program: DescribedProgram | None = None
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    async def listen(self, path: Path) -> None:
        """Be found at ``path``. Raises AlreadyRunning, ConfigError."""
        if not hasattr(socket, "AF_UNIX"):
            raise ConfigError("This system has no Unix sockets, by which a described agent speaks.")
        loop = asyncio.get_running_loop()
        server = sockets.listen_unix(path)
        self._path = path
        self._server = await loop.create_unix_server(lambda: DescribedProgram(self), sock=server)

    def is_program(self, connection: DescribedProgram) -> bool:
        """Whether it is the one."""
        return connection is self._program

    def arrived(self, connection: DescribedProgram) -> None:
        """The first is the program; there is no other beside it."""
        if self._program is None:
            self._program = connection
            self.relay.attach(connection)
            return
        error = AlreadyRunning("Another program is on this socket.")
        connection.send(ErrorEvent(error.to_wire()))
        connection.abort()

    def left(self, connection: DescribedProgram) -> None:
        """One hung up."""
        if connection is self._program:
            self._program = None
            self.relay.detach()
            self._on_left()

    async def stop(self) -> None:
        """Hang up, and be found no more."""
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
        program, self._program = self._program, None
        if program is not None:
            self.relay.detach()
            program.close()
        await asyncio.sleep(0)
