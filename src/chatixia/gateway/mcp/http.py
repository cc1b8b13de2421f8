"""The gateway over streamable HTTP: the library's application behind our own guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final

from mcp.server.auth.middleware.bearer_auth import AuthorizationContext
from mcp.server.streamable_http import StreamableHTTPServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route

from chatixia.core.shares import fits
from chatixia.wire.base import MIB

from .guard import PATH, McpGuard, Scope, Tokens
from .server import GatewayServer

MAX_BODY: Final = 4 * MIB
"""Bytes of one message of a host."""
MAX_SESSIONS: Final = 256
"""Connections of hosts of older versions; one credential has no more than its share of them."""
IDLE_S: Final = 600.0
"""Seconds after which one that asks nothing and listens no more is forgotten."""


class HostSessions(StreamableHTTPSessionManager):
    """The library's connections of hosts of older versions, shared out by credential: it counts
    all of them together, so one host that never ends its own would keep every other out."""

    def _admit_session(
        self, requestor: AuthorizationContext | None
    ) -> StreamableHTTPServerTransport | None:
        owners = list(self._session_owners.values())
        share = sum(owner == requestor for owner in owners)
        if not fits(MAX_SESSIONS, len(owners), share, 1):
            return None
        return super()._admit_session(requestor)


@asynccontextmanager
async def application(
    server: GatewayServer,
    hosts: Collection[str],
    tokens: Tokens,
    on_proved: Callable[[Scope], None] = lambda scope: None,
) -> AsyncIterator[McpGuard]:
    """The application, which serves within. For the arguments see :class:`McpGuard`."""
    sessions = HostSessions(
        server,
        max_request_body_size=MAX_BODY,
        session_idle_timeout=IDLE_S,
        max_sessions=MAX_SESSIONS,
        # Its own check knows loopback alone; the guard checks on every address.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    app = Starlette(routes=[Route(PATH, endpoint=StreamableHTTPASGIApp(sessions))])
    async with sessions.run():
        yield McpGuard(app, hosts, tokens, on_proved)
