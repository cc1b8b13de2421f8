"""uvicorn's protocols, bounded for those who have proved nothing.

The HTTP library holds a header of any length before anybody sees it, and parses as many pipelined
requests as one read brings: here are its bounds, and a connection that learns from each request
whether it proved something.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.protocol import State

from chatixia.wire.base import MIB
from chatixia.wire.signaling import NO_PONG

from .guard import Scope
from .unproved import CONNECTION, UNCOUNTED_BYTES, UnprovedConnection

log = logging.getLogger("chatixia.registry")

PIECE_BYTES: Final = 16 * 1024
MAX_PIPELINED: Final = 8
"""Requests of one connection that wait behind the one being answered."""
UNSENT_BYTES: Final = 64 * 1024
"""Bytes of answers that wait for a reader before the next is held back."""
UNREAD_BYTES: Final = 16 * MIB
"""Bytes that a member's socket has not read; what the registry queues itself is less."""
MAX_PARTS: Final = 1024
"""Parts (RFC 6455, fragments) of one message."""
LAST_SECONDS: Final = 1.0
POLICY: Final = 1008
TRY_LATER: Final = 1013
KEEP_ALIVE_SECONDS: Final = 30.0
"""Seconds that a connection whose last request proved itself may stand idle."""

HEAD: Final = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_LARGE: Final = HEAD % b"431 Request Header Fields Too Large"
NO_UPGRADE: Final = HEAD % b"400 Bad Request"
TOO_SLOW: Final = HEAD % b"408 Request Timeout"


class TooManyRequests(Exception):
    """Raised inside the parser to stop it."""


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection, from request to request."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        app_state: dict[str, Any],
        connection: UnprovedConnection,
    ) -> None:
        super().__init__(config, state, app_state)
        self.connection = connection
        self._head, self._first = 0, True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there, after TLS."""
        line = cast(asyncio.Transport, transport)
        super().connection_made(line)
        self.connection.transport, self.connection.late = line, self.expire
        line.set_write_buffer_limits(high=UNSENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self.connection.closed()
        super().connection_lost(exc)
        # The parser refers back to this, and holds what it was given: up to a whole header, until
        # the next collection. Nothing is parsed any more.
        cast(Any, self).parser = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser in pieces; ``_head`` is how much of it brought no event yet."""
        bound, at = self.connection.bounds.header_bytes, 0
        while at < len(data) and not self.transport.is_closing():
            if self._head >= bound:
                self._refuse(TOO_LARGE)
                return
            size = min(PIECE_BYTES, bound - self._head)
            piece = data if len(data) <= size else data[at : at + size]
            self._head += len(piece)
            at += len(piece)
            super().data_received(piece)
            if self.transport.get_protocol() is not self:
                return  # upgraded: what came before the answer was not a frame
        self._weigh()

    def _weigh(self) -> None:
        if not self.connection.proven:
            body = len(self.cycle.body) if self._began() else 0
            unsent = self.transport.get_write_buffer_size()
            self.connection.hold(self._head + body + unsent)

    def _refuse(self, answer: bytes) -> None:
        """A last word, unless an answer is being written."""
        if self._answering() and self.cycle.response_started:
            self.connection.abort()
        elif not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

    def _answering(self) -> bool:
        return self._began() and not self.cycle.response_complete

    def _began(self) -> bool:
        cycle: object = self.cycle  # uvicorn's type hides that there is none before a request
        return cycle is not None

    def expire(self) -> None:
        """Its time is over."""
        self._refuse(TOO_SLOW if self._head or self._answering() else b"")

    def send_400_response(self, msg: str) -> None:
        """Bytes that are not HTTP; after an answer was begun there is nothing to say."""
        if self._answering() and self.cycle.response_started:
            self.connection.abort()
        else:
            super().send_400_response(msg)

    # ---- the parser's events

    def on_message_begin(self) -> None:
        """A request's first byte: what an earlier one proved is over."""
        super().on_message_begin()
        cast(Scope, self.scope)[CONNECTION] = self.connection
        self._head = 0
        if not self._first and not self._answering():
            self.connection.again()
        self._first = False

    def on_headers_complete(self) -> None:
        """The application begins, or the request waits for those before it."""
        self._head = 0
        super().on_headers_complete()
        if len(self.pipeline) > MAX_PIPELINED:
            raise TooManyRequests

    def on_body(self, body: bytes) -> None:
        """A part of the body; trailers and chunk extensions are none, and are bounded as heads."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._head = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written: the next request proves itself anew."""
        if self.connection.proven:
            self.connection.again(KEEP_ALIVE_SECONDS)
        else:
            if not self.connection.spend():
                self.transport.close()
            self.connection.again()
            self._weigh()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """The same connection goes on as a WebSocket."""
        self.connection.hold(0)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """The reader is slow."""
        self._weigh()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read."""
        self._weigh()
        super().resume_writing()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket; its connection is that of the request that it was."""

    connection: UnprovedConnection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the HTTP protocol that it replaces."""
        self.connection = cast(
            HttpProtocol, cast(asyncio.Transport, transport).get_protocol()
        ).connection
        self.connection.late = lambda: None  # the application says why, and has a moment for it
        self.connection.line = self
        self._half, self._ended = 0, False
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self.connection.closed()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Half a message counts as held, and so does what waits to be read at the far side."""
        if self._ended:
            return
        self._half += len(data)
        if not self.connection.proven:
            self.connection.hold(self._half)
        super().data_received(data)
        if self.connection.proven:
            self._weigh()
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # Nothing would be said: the library hands no event on, and the line would stand.
            self.transport.write(NO_UPGRADE)
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        """A further part of a message; empty ones are endless within any number of bytes."""
        if len(self.frames) < MAX_PARTS:
            super().handle_cont(event)
        else:
            self._end(POLICY, "too many parts")

    def _weigh(self) -> None:
        """End a member's socket where its machine has too much under way.

        The library answers each ping, and a far side that reads nothing would be answered without
        end.
        """
        if self._half > UNCOUNTED_BYTES:  # pings and pongs are not part of a message
            parts = sum(len(part) for part in self.frames)
            self._half = parts + len(self.conn.reader.buffer)
        unsent = self.transport.get_write_buffer_size()
        if unsent > UNREAD_BYTES or not self.connection.hold(self._half + unsent):
            self._end(TRY_LATER, "too much of this machine's is under way")

    def _end(self, code: int, reason: str) -> None:
        """Close and say why, if that can be read."""
        if self.transport.get_write_buffer_size() > UNSENT_BYTES:
            self.transport.abort()
        elif not (self.close_sent or self.transport.is_closing()):
            self.close_sent = self.disconnected = self._ended = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            # A line that is closed with something unread loses what was said last.
            self.close_timer = self.loop.call_later(LAST_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """The reader is slow."""
        super().pause_writing()
        asyncio.get_running_loop().call_soon(self._look)

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._look()

    def _look(self) -> None:
        if self.connection.proven and not self.transport.is_closing():
            self._weigh()

    def keepalive_timeout(self) -> None:
        """No pong came in time: ends with ``NO_PONG``, which no frame can carry.

        Of itself uvicorn says the same whether the far side hung up or answered no ping, and only
        the former cuts leases short (tasks.md section 2).
        """
        if not (self.close_sent or self.transport.is_closing()):
            self.queue.put_nowait({"type": "websocket.disconnect", "code": NO_PONG})
        super().keepalive_timeout()

    def handle_parser_exception(self) -> None:
        """Bytes that are not frames. Before the upgrade's answer no close frame can say so."""
        if self.conn.close_sent is None:
            self.transport.abort()
        else:
            super().handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """A whole message is the application's; a binary one at once, where nothing is before
        it: to pass it on takes no task then."""
        self._half = 0
        if self.curr_msg_data_type == "bytes" and self.queue.empty() and not self.close_sent:
            message = bytes(self.frames[0]) if len(self.frames) == 1 else b"".join(self.frames)
            if self.connection.take(message):
                self.frames = []
                return
        super().send_receive_event_to_app()

    @property
    def ready(self) -> bool:
        """Whether a message can be written now."""
        return (
            self.writable.is_set()
            and self.conn.state is State.OPEN
            and not (self.close_sent or self.disconnected or self.transport.is_closing())
        )

    def write(self, message: bytes) -> None:
        """Write a binary message now; only where it is ready."""
        self.conn.send_binary(message)
        self.transport.write(b"".join(self.conn.data_to_send()))

    async def run_asgi(self) -> None:
        """Serve; a client that leaves before the answer is not an error."""
        cast(Scope, self.scope)[CONNECTION] = self.connection
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except Exception as error:  # noqa: BLE001 - a defect is one line, not a traceback
            log.error("a socket broke: %s", type(error).__name__)
        self.send_500_response()
        if self.close_timer is None:
            self.transport.close()
