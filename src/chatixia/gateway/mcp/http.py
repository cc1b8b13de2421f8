"""The gateway over streamable HTTP: the library's application behind our own guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final

from mcp.server.transport_security import TransportSecuritySettings

from chatixia.wire.base import MIB

from .guard import PATH, McpGuard, Scope, Tokens
from .server import GatewayServer

MAX_BODY: Final = 4 * MIB
"""Bytes of one message of a host."""
MAX_SESSIONS: Final = 256
"""Connections of hosts of older versions."""
IDLE_S: Final = 600.0
"""Seconds after which one that asks nothing and listens no more is forgotten."""


@asynccontextmanager
async def application(
    server: GatewayServer,
    hosts: Collection[str],
    tokens: Tokens,
    on_proved: Callable[[Scope], None] = lambda scope: None,
) -> AsyncIterator[McpGuard]:
    """The application, which serves within. For the arguments see :class:`McpGuard`."""
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=MAX_BODY,
        session_idle_timeout=IDLE_S,
        max_sessions=MAX_SESSIONS,
        # Its own check knows loopback alone; the guard checks on every address.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    async with server.session_manager.run():
        yield McpGuard(app, hosts, tokens, on_proved)
