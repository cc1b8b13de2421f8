"""A relay stream as a channel: the session uses it as it uses an engine's."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from typing import Final

from chatixia.core.stream_credit import StreamCredit
from chatixia.errors import BadRequest, BadSignature, Denied, MeshError
from chatixia.peer.engines.base import FULL_BYTES, LOW_BYTES, Channel, EngineRefused, ignore
from chatixia.wire.peer import CHANNEL, MAX_FRAME
from chatixia.wire.relay import (
    MAX_RELAY_DATA,
    RelayKind,
    RelayReason,
    close_message,
    credit_message,
    write_header,
)

from .relay_tls import RelayTls

log = logging.getLogger("chatixia.peer")

BROKEN: Final = (
    "The relay stream with {} broke: it, or this side, showed another certificate than it signed,"
    " or somebody changed what went over it."
)


class RelayChannel(Channel):
    """The stream of one ``attempt`` to ``peer``. ``wake`` is called when it has something to send,
    ``forget`` once when it is over; ``on_failure`` gets what broke it, before ``on_close``.

    ``sent_bytes`` and ``received_bytes`` count the stream's bytes, with those of TLS.
    """

    def __init__(
        self,
        peer: str,
        attempt: int,
        tls: RelayTls,
        wake: Callable[[RelayChannel], None],
        forget: Callable[[RelayChannel], None],
    ) -> None:
        super().__init__(CHANNEL)
        self.peer, self.attempt, self.tls = peer, attempt, tls
        self.on_failure: Callable[[MeshError], None] = ignore
        self.send = self._send
        self._wake, self._forget = wake, forget
        self._head = write_header(RelayKind.DATA, peer, attempt)
        self._credit = StreamCredit()
        self._low = LOW_BYTES
        self._grant = 0
        self._opening, self._abandoned, self._failed = True, False, False
        self._reason: RelayReason | None = None

    def start(self) -> None:
        """Begin the handshake."""
        self.tls.start()
        self._wake(self)

    # -- for the link

    @property
    def state(self) -> str:
        """``connecting``, ``open``, ``closing`` or ``closed``."""
        if self.closed:
            return "closed"
        if self._reason is not None:
            return "closing"
        return "open" if self.tls.ready else "connecting"

    @property
    def buffered(self) -> int:
        """Bytes that wait for credit or for the socket."""
        return self.tls.pending

    @property
    def max_message(self) -> int:
        """The largest frame in bytes."""
        return MAX_FRAME

    @property
    def low_threshold(self) -> int:
        """``on_low`` fires when ``buffered`` falls to this many bytes."""
        return self._low

    @low_threshold.setter
    def low_threshold(self, value: int) -> None:
        self._low = value

    @property
    def sent_bytes(self) -> int:
        """Bytes of the stream given to the socket."""
        return self._credit.sent

    @property
    def received_bytes(self) -> int:
        """Bytes of the stream that came."""
        return self._credit.received

    def _send(self, frame: bytes) -> None:
        if self.closed or self._reason is not None or not self.tls.ready:
            raise EngineRefused("closed")
        if len(frame) > MAX_FRAME:
            raise EngineRefused("too_large")
        if self.tls.pending > FULL_BYTES:
            raise EngineRefused("full")
        self.tls.write(frame)
        self._wake(self)

    def close(self) -> None:
        """Start closing; frames queued before are still sent."""
        self._close(RelayReason.BYE)

    def abort(self, reason: RelayReason = RelayReason.BYE) -> None:
        """Close at once; what is queued does not go any more."""
        self._abandoned = True
        self._close(reason)

    def _close(self, reason: RelayReason) -> None:
        if not self.closed:
            self._reason = reason if self._reason is None else self._reason
            self._wake(self)

    def drop(self) -> None:
        """The socket is gone, or the other end closed: nothing more goes or comes."""
        if not self.closed:
            self._forget(self)
            self.ended()

    # -- for the socket

    def next_message(self) -> bytes | None:
        """The next message to the registry, credit before data; None: there is none now."""
        if self.closed:
            return None
        if self._reason is not None and (self._abandoned or not self.tls.pending):
            message = close_message(self.peer, self.attempt, self._reason)
            self.drop()
            return message
        if self._grant:
            total, self._grant = self._grant, 0
            return credit_message(self.peer, self.attempt, total)
        room = min(self._credit.room, MAX_RELAY_DATA)
        return self._head + self._next_data(room) if room > 0 and self.tls.pending else None

    def _next_data(self, size: int) -> bytes:
        before = self.tls.pending
        data = self.tls.take(size)
        self._credit.spend(len(data))
        if self.tls.pending <= self._low < before:
            self._drained()
        return data

    def extend(self, total: int) -> None:
        """The other end has taken more."""
        self._credit.extend(total)
        if self.tls.pending or self._reason is not None:
            self._wake(self)

    def receive(self, data: bytes | memoryview) -> None:
        """Bytes of the stream. Never raises: what is malformed ends the stream."""
        if self.closed or self._failed:
            return
        try:
            self._credit.receive(len(data))
            frames = self.tls.feed(data)
        except Denied as error:
            self._fail(error)
            self.abort(RelayReason.OVER_CREDIT)
        except BadRequest as error:
            self._fail(error)
            self.abort()
        except (ssl.SSLError, EOFError) as error:
            log.info("the TLS stream with %s broke: %s", self.peer, error)
            self._fail(BadSignature(BROKEN.format(self.peer)))
            self.close()  # after TLS has told the other end why
        else:
            self._hand_on(frames)

    def _fail(self, error: MeshError) -> None:
        self._failed = True
        self.tls.drop()
        self.on_failure(error)

    def _hand_on(self, frames: list[bytes]) -> None:
        if self._opening and self.tls.ready:
            self._opening = False
            self.on_open()
        for frame in frames:
            if self.closed:
                return
            self._receive(frame)
        self._grant = self._credit.grant() or self._grant
        if self._grant or self.tls.pending:
            self._wake(self)
