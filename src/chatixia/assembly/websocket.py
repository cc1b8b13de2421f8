"""uvicorn's WebSocket, whose application is told why a connection ended without a close frame.

Of itself uvicorn says the same whether the far side hung up or answered no ping, and only the
former cuts leases short (tasks.md section 2).
"""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from chatixia.wire.signaling import NO_PONG


class Protocol(WebSocketsSansIOProtocol):
    """Ends with the code ``NO_PONG``, which no frame can carry, where a ping timed out."""

    def keepalive_timeout(self) -> None:
        """No pong came in time."""
        if not (self.close_sent or self.transport.is_closing()):
            self.queue.put_nowait({"type": "websocket.disconnect", "code": NO_PONG})
        super().keepalive_timeout()
