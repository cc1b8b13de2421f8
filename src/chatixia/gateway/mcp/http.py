"""The gateway over streamable HTTP: the library's application behind our own guard."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from mcp.server.auth.middleware.bearer_auth import AuthorizationContext
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER, StreamableHTTPServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.routing import Route

from chatixia.core.rates import TokenBucket
from chatixia.core.shares import fits
from chatixia.wire.base import MIB
from chatixia.world import REAL, World

from .guard import PATH, McpGuard, Receive, Scope, Send, Tokens
from .resumption import CredentialEvents, SessionEvents
from .server import GatewayServer

MAX_BODY: Final = 4 * MIB
"""Bytes of one message of a host."""
MAX_SESSIONS: Final = 256
"""Connections of hosts of older versions; one credential has no more than its share of them."""
IDLE_S: Final = 600.0
"""Seconds after which one that asks nothing and listens no more is forgotten."""
MOST_LINES, LINE_S = 5, 60.0
"""Lines of the log of refused connections at once, and seconds until there is one more."""
RETRY_MS: Final = 500
"""Milliseconds after which a host whose stream ended is to come back."""
_SESSION, _VERSION = MCP_SESSION_ID_HEADER.encode(), MCP_PROTOCOL_VERSION_HEADER.encode()
_OLDER: Final = frozenset(version.encode() for version in HANDSHAKE_PROTOCOL_VERSIONS)


class RatedWarnings(logging.Filter):
    """Few of the library's warnings: it has one for each connection that it refuses."""

    def __init__(self, world: World = REAL) -> None:
        super().__init__()
        self._world = world
        self._lines = TokenBucket(MOST_LINES, LINE_S, world.monotonic())

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        return record.levelno != logging.WARNING or self._lines.take(self._world.monotonic())


class HostSessions(StreamableHTTPSessionManager):
    """The library's connections of hosts of older versions, shared out by credential: it counts
    all of them together, so one host that never ends its own would keep every other out. Each has
    its own events, since the library tells those of one from another's by the ids of requests.
    ``poll``: see :class:`SessionEvents`."""

    def __init__(self, server: GatewayServer, poll: float = 0.0) -> None:
        super().__init__(
            server,
            max_request_body_size=MAX_BODY,
            session_idle_timeout=IDLE_S,
            max_sessions=MAX_SESSIONS,
            retry_interval=RETRY_MS,
            # Its own check knows loopback alone; the guard checks on every address.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._poll = poll
        self._events: dict[str, SessionEvents] = {}
        self._shared: WeakValueDictionary[str, CredentialEvents] = WeakValueDictionary()

    async def _handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A request of a connection has the version that this agreed on, whatever it says itself.
        headers = scope["headers"]
        session = next((value for name, value in headers if name == _SESSION), b"")
        events = self._events.get(session.decode("latin-1"))
        if events is not None and events.version:
            others = [
                (name, value) for name, value in headers if name != _VERSION or value not in _OLDER
            ]
            if len(others) == len(headers) and any(name == _VERSION for name, _ in headers):
                agreed = headers  # one of the newer era, which has no connections
            else:
                agreed = [*others, (_VERSION, events.version.encode())]
            scope = {**scope, "headers": agreed}
        await super()._handle_request(scope, receive, send)

    def _admit_session(
        self, requestor: AuthorizationContext | None
    ) -> StreamableHTTPServerTransport | None:
        owners = list(self._session_owners.values())
        share = sum(owner == requestor for owner in owners)
        if not fits(MAX_SESSIONS, len(owners), share, 1):
            return None
        holder = "" if requestor is None else requestor["client_id"]
        shared = self._shared.get(holder) or CredentialEvents()
        self._shared[holder] = shared
        self.event_store = events = SessionEvents(shared, self._poll)
        transport = super()._admit_session(requestor)
        if transport is not None and transport.mcp_session_id is not None:
            self._events[transport.mcp_session_id] = events
        return transport

    async def _discard_session(
        self, session_id: str, transport: StreamableHTTPServerTransport
    ) -> None:
        if (events := self._events.pop(session_id, None)) is not None:
            events.close()
        await super()._discard_session(session_id, transport)


@asynccontextmanager
async def application(
    server: GatewayServer,
    hosts: Collection[str],
    tokens: Tokens,
    on_proved: Callable[[Scope], None] = lambda scope: None,
    poll: float = 0.0,
) -> AsyncIterator[McpGuard]:
    """The application, which serves within. For the arguments see :class:`McpGuard`; ``poll``:
    seconds that a stream to a host that comes back may last, 0 for as long as it takes."""
    sessions = HostSessions(server, poll)
    app = Starlette(routes=[Route(PATH, endpoint=StreamableHTTPASGIApp(sessions))])
    lines, warnings = logging.getLogger(StreamableHTTPSessionManager.__module__), RatedWarnings()
    lines.addFilter(warnings)
    try:
        async with sessions.run():
            yield McpGuard(app, hosts, tokens, on_proved)
    finally:
        lines.removeFilter(warnings)
