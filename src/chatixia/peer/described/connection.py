"""One connection with a described peer: no hello, and text frames from its first moment."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final, Protocol

from chatixia.core.described import description
from chatixia.core.sdp import check_candidate
from chatixia.errors import MeshError, TooLarge, Unreachable
from chatixia.peer.engines.base import (
    Candidate,
    Channel,
    Connection,
    Data,
    Engine,
    EngineRefused,
    IceServer,
    PathStats,
)
from chatixia.wire.described import LABEL, MAX_DESCRIBED
from chatixia.wire.signaling import DescribedSignal
from chatixia.world import World

MAX_BUFFERED: Final = 1024 * 1024
"""Bytes that a described peer has not read; beyond, its link is closed."""


class DescribedHost(Protocol):
    """What a connection needs of the links."""

    engine: Engine
    servers: Sequence[IceServer]
    relay_only: bool
    world: World

    def tell(self, signal: DescribedSignal) -> bool:
        """Send by signaling. False: it will not go."""
        ...

    def opened(self, connection: DescribedConnection) -> None:
        """Its channel is open."""
        ...

    def received(self, connection: DescribedConnection, text: str) -> None:
        """A text frame came over an open channel."""
        ...

    def ended(self, connection: DescribedConnection, error: MeshError) -> None:
        """It is over, or came to nothing; called once."""
        ...


class DescribedConnection:
    """One connection to ``peer``. ``offers``: by our offer, answered at ``answered_at``; ``open``:
    its channel is; ``over``: nothing more comes of it. ``stats``: the engine's last reading."""

    def __init__(self, host: DescribedHost, peer: str, offers: bool) -> None:
        self.peer, self.offers = peer, offers
        self.began = host.world.monotonic()
        self.opened_at = self.answered_at = 0.0
        self.open = self.over = self._described = False
        self.stats: PathStats | None = None
        self._host = host
        self._connection: Connection | None = None
        self._channel: Channel | None = None

    async def offer(self) -> None:
        """Make it and send an offer; candidates follow by themselves."""
        connection = await self._connect()
        connection.on_channel = _unwanted
        self._watch(connection.create_channel(LABEL))
        assert self._channel
        self._channel.on_open = self._opened
        sdp = await connection.offer()
        if not self.over:
            self._host.tell(DescribedSignal(self.peer, "offer", sdp))

    async def answer(self, sdp: str) -> None:
        """Answer an offer."""
        offer = description(sdp)
        connection = await self._connect()
        connection.on_channel = self._adopt
        reply = await connection.answer(offer)
        self._described = True
        if not self.over:
            self._host.tell(DescribedSignal(self.peer, "answer", reply))

    async def answered(self, sdp: str) -> None:
        """Take the answer to our offer; a second one is nobody's."""
        if self._connection is not None and self.offers and not self._described:
            self._described, self.answered_at = True, self._host.world.monotonic()
            await self._connection.accept(description(sdp))

    async def candidate(self, signal: DescribedSignal) -> None:
        """Give a candidate to the engine, which keeps it until there is a description; one that an
        honest peer does not have is left out, and so is one too many."""
        if self._connection is None or self.over or check_candidate(signal.candidate):
            return
        mid, index = signal.sdp_mid, signal.sdp_m_line_index
        if mid is None and index is None:
            index = 0
        with contextlib.suppress(EngineRefused):
            await self._connection.add_candidate(Candidate(signal.candidate, mid, index))

    async def _connect(self) -> Connection:
        host = self._host
        connection = await host.engine.connection(host.servers, relay_only=host.relay_only)
        if self.over:
            await connection.close(0)
            raise EngineRefused("closed")
        self._connection = connection
        connection.on_candidate, connection.on_state = self._gathered, self._state
        return connection

    def _gathered(self, candidate: Candidate | None) -> None:
        """The end of candidates has no word in that contract."""
        if candidate is not None and not self.over:
            text, mid, index = candidate.candidate, candidate.mid, candidate.index
            signal = DescribedSignal(self.peer, "ice_candidate", "", text, mid, index)
            self._host.tell(signal)

    def _adopt(self, channel: Channel) -> None:
        if channel.label != LABEL or self._channel is not None:
            channel.close()
            return
        self._watch(channel)
        self._opened()

    def _watch(self, channel: Channel) -> None:
        self._channel = channel
        channel.on_close = self._closed

    def _opened(self) -> None:
        if self.over or self._channel is None or self.open:
            return
        self.open, self.opened_at = True, self._host.world.monotonic()
        self._host.opened(self)
        self._channel.on_message = self._receive

    def _receive(self, data: Data) -> None:
        """Bytes mean nothing here; a frame above the bound ends it."""
        if self.over or not isinstance(data, str):
            return
        if len(data) > MAX_DESCRIBED:
            self.end(TooLarge(f"{self.peer} sent a frame of {len(data)} characters."))
        else:
            self._host.received(self, data)

    def send(self, text: str) -> None:
        """Send a text frame. Raises Unreachable where the channel takes none."""
        if self._channel is None or not self.open or self.over:
            raise Unreachable(f"There is no link to {self.peer}.", agent=self.peer)
        try:
            if self._channel.buffered > MAX_BUFFERED:
                raise EngineRefused("full")
            self._channel.send_text(text)
        except EngineRefused as error:
            lost = Unreachable(f"{self.peer} takes nothing more: {error}.", agent=self.peer)
            self.end(lost)
            raise lost from None

    async def read_stats(self) -> None:
        """Ask the engine for its figures."""
        if self._connection is not None and not self.over:
            self.stats = await self._connection.stats() or self.stats

    def _state(self, state: str) -> None:
        if state in ("failed", "closed"):
            self._closed()

    def _closed(self) -> None:
        self.end(Unreachable(f"The link with {self.peer} is over.", agent=self.peer))

    def end(self, error: MeshError) -> None:
        """It is over."""
        if not self.over:
            self.over = True
            self._host.ended(self, error)

    async def close(self) -> None:
        """Let go of it."""
        self.over = True
        if self._connection is not None:
            await self._connection.close(0.5 if self.open else 0)


def _unwanted(channel: Channel) -> None:
    channel.close()
