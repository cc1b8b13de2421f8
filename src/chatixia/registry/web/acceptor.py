"""Where a connection is accepted: it is counted before TLS, and TLS is begun by us.

uvicorn would accept anybody, and asyncio gives a TLS handshake 60 s that nobody counts.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from chatixia.background import BackgroundTasks

from .protocols import TOO_LARGE, TOO_SLOW, HttpProtocol
from .unproved import UnprovedConnection, UnprovedConnections

HEAD_ENDS: Final = b"\r\n\r\n"
SHUTDOWN_SECONDS: Final = 2.0
"""TLS's good-bye is waited for."""
BACKLOG: Final = 1024
RETRY_SECONDS: Final = 0.1
"""Until the next try to accept where no descriptor was free."""
ACCEPTS_PER_TURN: Final = 16
"""Accepted in one turn of the loop."""

Make = Callable[[UnprovedConnection], HttpProtocol]


class Acceptor:
    """One listening socket; has what uvicorn's server asks of an asyncio server.

    ``make``: the HTTP protocol of a connection whose turn it is.
    """

    def __init__(
        self, unproved: UnprovedConnections, make: Make, tls: ssl.SSLContext | None
    ) -> None:
        self.unproved, self.make, self.tls = unproved, make, tls
        self.tasks = BackgroundTasks()
        self._server: asyncio.Server | None = None

    async def open(self, sock: socket.socket) -> None:
        """Accept on ``sock``."""
        if self.tls is not None:
            self.spawn(self._accept(sock, self.tls))
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: PendingArrival(self), sock=sock, backlog=BACKLOG
        )

    async def _accept(self, sock: socket.socket, tls: ssl.SSLContext) -> None:
        """Accept bare sockets: a transport would read the first bytes of a handshake that waits."""
        loop, accepted = asyncio.get_running_loop(), 0
        while True:
            try:
                line, peer = await loop.sock_accept(sock)
            except OSError:  # no descriptor is free
                await asyncio.sleep(RETRY_SECONDS)
                continue
            PendingHandshake(self, line, str(peer[0]), tls)
            accepted += 1
            if accepted % ACCEPTS_PER_TURN == 0:
                await asyncio.sleep(0)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that ends with this acceptor."""
        return self.tasks.spawn(work)

    def close(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()
        self.tasks.cancel()

    async def wait_closed(self) -> None:
        """Until handshakes have ended; the connections are uvicorn's own."""
        await self.tasks.wait()


class PendingHandshake:
    """An accepted TLS connection until its handshake is done; nothing is read before its turn."""

    def __init__(
        self, acceptor: Acceptor, line: socket.socket, ip: str, tls: ssl.SSLContext
    ) -> None:
        self._acceptor, self._line, self._tls = acceptor, line, tls
        self._task: asyncio.Task[None] | None = None
        self._connection = acceptor.unproved.arrive(ip, self)
        self._connection.late = self._connection.abort
        self._connection.start = self._begin
        self._connection.ready()

    def abort(self) -> None:
        """End it, waiting or in the middle."""
        if self._task is None:
            self._line.close()
        else:
            self._task.cancel()

    def _begin(self) -> None:
        self._task = self._acceptor.spawn(self._shake())

    async def _shake(self) -> None:
        """TLS within what is left of the connection's time."""
        done = False
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._acceptor.make(self._connection),
                self._line,
                ssl=self._tls,
                ssl_handshake_timeout=max(0.1, self._connection.left()),
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
            done = True
        except (OSError, RuntimeError):  # no TLS, too late, or gone: nobody to say it to
            pass
        finally:
            if not done:
                self._connection.closed()
                self._line.close()


class PendingArrival(asyncio.Protocol):
    """An accepted connection in clear until it is its turn: nothing of it is parsed."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._early = bytearray()
        self._whole = False
        self._transport: asyncio.Transport
        self._connection: UnprovedConnection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("?",)
        self._connection = self._acceptor.unproved.arrive(str(peer[0]), self._transport)
        self._connection.late = self._late
        self._connection.start = self._serve

    def data_received(self, data: bytes) -> None:
        """Keep what it says until its turn, which it waits for once its first head is whole."""
        scanned = max(0, len(self._early) - len(HEAD_ENDS) + 1)
        self._early += data
        self._connection.hold(len(self._early))
        if not self._whole and (self._early.find(HEAD_ENDS, scanned) >= 0 or self._foreign()):
            self._whole = True
            self._connection.ready()
        bound = self._connection.bounds.header_bytes
        if not self._whole and len(self._early) > bound:
            self._refuse(TOO_LARGE)
        elif len(self._early) > bound:
            self._transport.pause_reading()

    def _foreign(self) -> bool:
        """Whether it is not HTTP; the parser says so at once, where a head's end is never seen."""
        return not self._early[:1].isalpha()

    def _refuse(self, answer: bytes) -> None:
        self._transport.write(answer)
        self._transport.close()

    def _late(self) -> None:
        """Its time is over, with half a head or none."""
        self._refuse(TOO_SLOW if self._early else b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """It left before its turn, at no cost."""
        self._connection.closed()
        self._early.clear()

    def _serve(self) -> None:
        """Give the connection to the HTTP protocol."""
        if self._transport.is_closing():
            return
        http = self._acceptor.make(self._connection)
        self._transport.set_protocol(http)
        http.connection_made(self._transport)
        self._transport.resume_reading()
        http.data_received(bytes(self._early))
