"""All relay streams of this process over the login's one socket, in turns."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from chatixia.errors import Denied, MeshError
from chatixia.wire.relay import (
    MAX_RELAY_DATA,
    RelayKind,
    credit_of,
    end_of,
    read_header,
    write_header,
)
from chatixia.world import World

from .relay_certificate import RelayCertificate
from .relay_channel import RelayChannel
from .relay_tls import RelayTls

log = logging.getLogger("chatixia.peer")

SMALL_BYTES: Final = 4096
"""A stream with no more than this goes to the socket at once; more waits for what this turn of the
loop adds to it, so that few messages carry it."""


class RelayMultiplexer:
    """Streams by peer and attempt. ``flush``: called when something waits for the socket, which
    takes it by :meth:`next_message`. The certificate is made with the first stream."""

    def __init__(self, world: World, flush: Callable[[], None]) -> None:
        self._world, self._flush = world, flush
        self._certificate: RelayCertificate | None = None
        self._streams: dict[tuple[str, int], RelayChannel] = {}
        self._by_head: dict[bytes, RelayChannel] = {}
        self._ready: dict[RelayChannel, None] = {}
        self._later = False

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def certificate(self) -> RelayCertificate:
        """This process's."""
        if self._certificate is None:
            self._certificate = RelayCertificate(self._world)
        return self._certificate

    def open(self, peer: str, attempt: int, certificate: bytes, *, server: bool) -> RelayChannel:
        """The channel of a stream for which both messages passed; ``certificate``: the other end's,
        checked. Raises Denied for a stream that is there already."""
        if (peer, attempt) in self._streams:
            raise Denied(f"There is a stream {attempt} with {peer} already.")
        tls = RelayTls(self.certificate.context(certificate, server=server), server=server)
        channel = RelayChannel(peer, attempt, tls, self._wake, self._forget)
        self._streams[peer, attempt] = channel
        self._by_head[write_header(RelayKind.DATA, peer, attempt)] = channel
        return channel

    def _wake(self, channel: RelayChannel) -> None:
        self._ready.setdefault(channel)
        if channel.tls.pending <= SMALL_BYTES:
            self._flush()
        elif not self._later:
            self._later = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._later = False
        self._flush()

    def _forget(self, channel: RelayChannel) -> None:
        if self._streams.pop((channel.peer, channel.attempt), None) is not None:
            del self._by_head[write_header(RelayKind.DATA, channel.peer, channel.attempt)]

    async def drain(self, seconds: float) -> None:
        """Until the socket has taken what waits, at most so long."""
        waiting = [channel.drained() for channel in self._streams.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*waiting)

    # -- for the login

    def next_message(self) -> bytes | None:
        """The next message for the socket, each stream in its turn; None: there is none."""
        while self._ready:
            channel = next(iter(self._ready))
            del self._ready[channel]
            message = channel.next_message()
            if message is not None:
                if not channel.closed:
                    self._ready[channel] = None
                return message
        return None

    def receive(self, message: bytes) -> None:
        """A binary message from the registry. Never raises; what belongs to no stream is dropped:
        it was under way when the stream ended."""
        start = end_of(message)
        channel = self._by_head.get(message[:start])
        if channel is not None and 0 < len(message) - start <= MAX_RELAY_DATA:
            channel.receive(memoryview(message)[start:])
            return
        self._receive_other(message)

    def _receive_other(self, message: bytes) -> None:
        """Anything but data of a stream that there is."""
        try:
            header = read_header(message)
        except MeshError as error:
            log.warning("the registry sent what cannot be read: %s", error)
            return
        channel = self._streams.get((header.peer, header.attempt))
        if channel is None:
            return
        match header.kind:
            case RelayKind.CREDIT:
                channel.extend(credit_of(message, header))
            case RelayKind.CLOSE:
                channel.drop()

    def reset(self) -> None:
        """The login is over, and every stream with it."""
        self._ready.clear()
        for channel in list(self._streams.values()):
            channel.drop()
