"""uvicorn's server as one of several in a process, accepting by our own rule."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import ssl

    import uvicorn

    from chatixia.registry.web.unproved import UnprovedConnections

GRACE_SECONDS: Final = 2
MOST_CONNECTIONS: Final = 8192
"""Per listener, members and all; the next is answered 503."""


def make_server(
    app: Any, unproved: UnprovedConnections, tls: Path | None, ping: tuple[float, float]
) -> Any:
    """A server for one application. ``tls``: the folder with key and certificate, None in clear;
    ``ping``: seconds between a socket's pings, and until one without an answer ends it.

    ``opened`` is set when it accepts.
    """
    import uvicorn

    from chatixia.registry.web.protocols import KEEP_ALIVE_SECONDS, HttpProtocol, WebSocketProtocol
    from chatixia.wire.signaling import MAX_SIGNAL

    for name in ("uvicorn.error", "uvicorn.asgi", "uvicorn.access"):
        # Its info lines hold query strings, its warnings are a stranger's to cause.
        logging.getLogger(name).setLevel(logging.ERROR)
    config = uvicorn.Config(
        app,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_SIGNAL,
        ws_per_message_deflate=False,
        ws_ping_interval=ping[0],
        ws_ping_timeout=ping[1],
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(KEEP_ALIVE_SECONDS),
        limit_concurrency=MOST_CONNECTIONS,
        interface="asgi3",
        timeout_graceful_shutdown=GRACE_SECONDS,
        **_secure(tls),
    )
    return _server_class()(config, unproved)


def _secure(tls: Path | None) -> dict[str, Any]:
    import ssl

    from .files import TLS_CERT, TLS_KEY

    def modern(config: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        context = default()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    if tls is None:
        return {}
    return {
        "ssl_keyfile": str(tls / TLS_KEY),
        "ssl_certfile": str(tls / TLS_CERT),
        "ssl_context_factory": modern,
    }


@cache
def _server_class() -> Any:
    """Signals are ``run_up``'s, accepting is ours, and it says when it is open."""
    import uvicorn

    from chatixia.registry.web.acceptor import Acceptor
    from chatixia.registry.web.protocols import HttpProtocol
    from chatixia.registry.web.unproved import UnprovedConnection

    class Server(uvicorn.Server):
        def __init__(self, config: uvicorn.Config, unproved: UnprovedConnections) -> None:
            super().__init__(config)
            self.opened = asyncio.Event()
            self.acceptors: list[Acceptor] = []
            self._unproved = unproved

        def capture_signals(self) -> Any:
            return nullcontext()

        def _http(self, connection: UnprovedConnection) -> HttpProtocol:
            return HttpProtocol(self.config, self.server_state, self.lifespan.state, connection)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """In place of uvicorn's own, which would accept every connection."""
            await self.lifespan.startup()
            self.servers = []
            for sock in sockets or []:
                acceptor = Acceptor(self._unproved, self._http, self.config.ssl)
                await acceptor.open(sock)
                self.acceptors.append(acceptor)
            self.started = True
            self.opened.set()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """As uvicorn's, and its acceptors end first."""
            for acceptor in self.acceptors:
                acceptor.close()
            await super().shutdown(sockets)
            for acceptor in self.acceptors:
                await acceptor.wait_closed()

    return Server
