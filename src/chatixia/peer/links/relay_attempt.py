"""One relay stream: opened by signed messages, and proved by ``hello`` like any path."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from chatixia.core.openings import VerifiedOpening, check_reply, sign_opening, sign_reply
from chatixia.core.paths import RELAY
from chatixia.errors import MeshError, Unreachable
from chatixia.peer.engines.base import PathStats
from chatixia.wire import signed
from chatixia.wire.signaling import IceCandidate, RelayOpen, RelayReady

from .attempt import LinkAttempt
from .relay_channel import RelayChannel
from .relay_streams import RelayMultiplexer


class RelayAttempt(LinkAttempt):
    """A stream to ``peer`` among ``streams``. There is no engine and no candidate; what is wrong
    with UDP it cannot say."""

    kind = RELAY.name

    def __init__(self, *arguments: Any, streams: RelayMultiplexer) -> None:
        super().__init__(*arguments)
        self._streams = streams
        self._sent: RelayOpen | None = None
        self._stream: RelayChannel | None = None

    @property
    def trouble(self) -> str:
        """What keeps a direct path is more use to whoever asks."""
        return ""

    likely = trouble

    async def offer(self) -> None:
        """Send a signed ``relay_open``."""
        message = RelayOpen(**self._fields())
        self._sent = sign_opening(message, self._me)
        if not self._host.tell(self._sent):
            raise Unreachable("There is no login that could carry a relay stream.")
        self.trace.step("relay_open sent")

    async def confirmed(self, message: RelayReady) -> None:
        """Take the ``relay_ready`` to mine, once; I am the TLS client."""
        if self._sent is None or self.exchange is not None or self.over:
            return
        now, book = self._me.clock.now(), self._me.book
        opening = check_reply(message, self._sent, self._me, book, now=now)
        self._bind(opening, self._sent, self._streams.certificate.fingerprint)
        self.trace.step("relay_ready came")
        self._begin(opening)

    async def reply(self, message: RelayOpen, opening: VerifiedOpening) -> None:
        """Reply to a checked ``relay_open``; I am the TLS server."""
        ready = sign_reply(RelayReady(**self._fields()), message, self._me)
        self._bind(opening, ready, self._streams.certificate.fingerprint)
        self._begin(opening)
        self._host.tell(ready)
        self.trace.step("relay_open came, relay_ready sent")

    async def candidate(self, message: IceCandidate) -> None:
        """There are none on the relay."""

    def _fields(self) -> dict[str, Any]:
        return {
            "target_id": self.peer,
            "certificate": signed.b64(self._streams.certificate.der),
            "incarnation": self._me.incarnation,
            "peer_incarnation": self.incarnation,
            "attempt": self.attempt,
            "nonce": signed.b64(self._nonce),
            "versions": self.versions,
            "capabilities": list(self.capabilities),
        }

    def _begin(self, opening: VerifiedOpening) -> None:
        server = self._sent is None
        channel = self._streams.open(self.peer, self.attempt, opening.certificate, server=server)
        channel.on_failure = self._broken
        channel.on_open = self._greet
        self._stream = channel
        self._watch(channel)
        if not server:
            channel.start()

    def _remote_fingerprint(self) -> bytes | None:
        return self._stream.tls.fingerprint() if self._stream is not None else None

    def _broken(self, error: MeshError) -> None:
        if self.open:
            self._died(error.message)
        else:
            self.fail(error)

    async def read_stats(self) -> PathStats | None:
        """Bytes of the stream; nothing measures its round trip but a ping."""
        if self._stream is None or self._stream.closed:
            return None
        sent, received = self._stream.sent_bytes, self._stream.received_bytes
        return PathStats("relay", "", "", "", "", bytes_sent=sent, bytes_received=received)

    async def _measure(self) -> None:
        """Both hellos hold: a stream is what it is."""
        self.stats = await self.read_stats()
        if self.over or self.stats is None:
            self.fail(Unreachable(f"The relay stream to {self.peer} ended too early."))
            return
        self.open = True
        self.trace.end("open over the relay")
        self._host.verified(self)

    async def close(self, drain: float = 1.0) -> None:
        """Let go of the stream; what is queued gets up to ``drain`` seconds to leave."""
        self.over = True
        if self.exchange is not None:
            self.exchange.take_early()
        channel = self._stream
        if channel is None:
            return
        channel.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain):
                await channel.over.wait()
        channel.abort()
        channel.let_go()
