"""The HTTP server of the gateway: the registry's own, with its bounds on who has proved nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from chatixia.world import REAL, World

if TYPE_CHECKING:
    from chatixia.gateway.mcp.guard import McpGuard


@asynccontextmanager
async def serve(
    app: McpGuard, sock: socket.socket, world: World = REAL
) -> AsyncIterator[asyncio.Future[Any]]:
    """Serve ``app`` on ``sock`` within; the future ends with the server."""
    from chatixia.assembly.serve.server import make_server
    from chatixia.core.admission import AdmissionLimits
    from chatixia.registry.meter import Meter
    from chatixia.registry.web.unproved import UnprovedConnections

    unproved = UnprovedConnections(AdmissionLimits(), Meter(), world)
    server = make_server(app, unproved, None, (20.0, 20.0))
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        yield serving
    finally:
        server.should_exit = True
        await asyncio.wait([serving])
        unproved.stop()
        sock.close()
