"""Where a connection is accepted: it is counted before TLS, and TLS is begun by us.

uvicorn would accept anybody, and asyncio gives a TLS handshake 60 s that nobody counts.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

from .protocols import TOO_LARGE, TOO_SLOW, Http
from .unproved import Connection, Unproved

HEAD_ENDS: Final = b"\r\n\r\n"
SHUTDOWN_SECONDS: Final = 2.0
"""TLS's good-bye is waited for."""
BACKLOG: Final = 1024

Make = Callable[[Connection], Http]


class Acceptor:
    """One listening socket; has what uvicorn's server asks of an asyncio server.

    ``make``: the HTTP protocol of a connection whose turn it is.
    """

    def __init__(self, unproved: Unproved, make: Make, tls: ssl.SSLContext | None) -> None:
        self.unproved, self.make, self.tls = unproved, make, tls
        self.handshakes: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, sock: socket.socket) -> None:
        """Accept on ``sock``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Arrival(self), sock=sock, backlog=BACKLOG)

    def close(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()
        for task in self.handshakes:
            task.cancel()

    async def wait_closed(self) -> None:
        """Until handshakes have ended; the connections are uvicorn's own."""
        await asyncio.gather(*self.handshakes, return_exceptions=True)


class Arrival(asyncio.Protocol):
    """An accepted connection until it is its turn: nothing of it is parsed."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._early = bytearray()
        self._whole = False
        self._transport: asyncio.Transport
        self._connection: Connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it. In TLS its handshake waits for its turn; else its first bytes do."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("?",)
        self._connection = self._acceptor.unproved.arrive(str(peer[0]), self._transport)
        self._connection.late = self._connection.abort
        if self._acceptor.tls is None:
            self._connection.start = self._serve
            self._connection.late = self._late
        else:
            self._connection.start = self._secure
            self._transport.pause_reading()
            self._connection.ready()

    def data_received(self, data: bytes) -> None:
        """Keep what it says until its turn, which it waits for once its first head is whole."""
        seen = max(0, len(self._early) - len(HEAD_ENDS) + 1)
        self._early += data
        self._connection.hold(len(self._early))
        if not self._whole and (self._early.find(HEAD_ENDS, seen) >= 0 or self._foreign()):
            self._whole = True
            self._connection.ready()
        bound = self._connection.bounds.header_bytes
        if not self._whole and len(self._early) > bound:
            self._refuse(TOO_LARGE)
        elif len(self._early) > bound:
            self._transport.pause_reading()

    def _foreign(self) -> bool:
        """Whether it is no HTTP; the parser says so at once, where a head's end is never seen."""
        return not self._early[:1].isalpha()

    def _refuse(self, answer: bytes) -> None:
        self._transport.write(answer)
        self._transport.close()

    def _late(self) -> None:
        """Its time is over, with half a head or none."""
        self._refuse(TOO_SLOW if self._early else b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """It left before its turn, at no cost."""
        self._connection.gone()

    def _serve(self) -> None:
        self._hand(self._transport, bytes(self._early))

    def _hand(self, transport: asyncio.Transport, early: bytes) -> None:
        """Give the connection to the HTTP protocol."""
        if transport.is_closing():
            return
        http = self._acceptor.make(self._connection)
        transport.set_protocol(http)
        http.connection_made(transport)
        transport.resume_reading()
        if early:
            http.data_received(early)

    def _secure(self) -> None:
        task = asyncio.get_running_loop().create_task(self._handshake())
        self._acceptor.handshakes.add(task)
        task.add_done_callback(self._acceptor.handshakes.discard)

    async def _handshake(self) -> None:
        """TLS within what is left of the connection's time."""
        early, raw = Early(), self._transport
        secure: Any = None
        try:
            if not raw.is_closing():
                loop = asyncio.get_running_loop()
                assert self._acceptor.tls is not None
                secure = await loop.start_tls(
                    raw, early, self._acceptor.tls, server_side=True,
                    ssl_handshake_timeout=max(0.1, self._connection.left()),
                    ssl_shutdown_timeout=SHUTDOWN_SECONDS,
                )  # fmt: skip
        except (OSError, RuntimeError):  # no TLS, too late, or gone: nobody to say it to
            pass
        finally:
            if secure is None or early.ended:
                self._connection.abort()
        if secure is not None and not early.ended:
            self._connection.transport = secure
            self._hand(secure, bytes(early.data))


class Early(asyncio.Protocol):
    """What TLS brings before the HTTP protocol is there: the first request may ride along."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over already."""
        self.ended = True
