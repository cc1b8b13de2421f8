"""The channel for what may be lost: unordered, and nothing on it is ever sent again.

A link has none until one end has something to say; then that end makes it, or takes the one that
the peer made. What it carries makes up for what was lost before, so nothing waits or is kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from chatixia.core.rates import TokenBucket
from chatixia.peer.engines.base import Channel, Data, EngineRefused, ignore
from chatixia.wire.base import KIB
from chatixia.wire.peer import MAX_STATUS, STATUS_CHANNEL
from chatixia.world import World

BURST: Final = 20
"""Datagrams of a peer that are read at once; one more each EVERY_SECONDS, no others."""
EVERY_SECONDS: Final = 0.05
FULL: Final = 16 * KIB
"""Bytes that may stand in the engine's buffer; above it a datagram is dropped."""


class DatagramChannel:
    """The lossy channel of one connection. ``create``: makes it; ``on_message``: who reads."""

    def __init__(self, create: Callable[..., Channel], world: World) -> None:
        self.on_message: Callable[[Data], None] = ignore
        self._create, self._world = create, world
        self._local: Channel | None = None
        self._remote: Channel | None = None
        self._waiting = b""
        self._bucket = TokenBucket(BURST, EVERY_SECONDS, world.monotonic())

    def adopt(self, channel: Channel) -> bool:
        """Take the one that the peer made. False: it has one already."""
        if self._remote is not None and not self._remote.closed:
            return False
        self._remote = channel
        channel.on_message = self._receive
        return True

    def send(self, data: bytes) -> None:
        """Say something that may be lost. Never raises."""
        channel = self._usable()
        if channel is None:
            return
        if channel.state == "connecting":
            self._waiting = data  # the newest says all
        elif channel.buffered <= FULL:
            with contextlib.suppress(EngineRefused):
                channel.send(data)

    @property
    def channels(self) -> list[Channel]:
        """Those that can be used: the peer's, and the one made here."""
        both = (channel for channel in (self._remote, self._local) if channel is not None)
        return [channel for channel in both if channel.state in ("connecting", "open")]

    def _usable(self) -> Channel | None:
        if usable := self.channels:
            return usable[0]
        try:
            channel = self._local = self._create(STATUS_CHANNEL, lossy=True)
        except EngineRefused:
            return None
        channel.on_open = self._opened
        channel.on_message = self._receive
        return channel

    def _opened(self) -> None:
        waiting, self._waiting = self._waiting, b""
        if waiting:
            self.send(waiting)

    def _receive(self, data: Data) -> None:
        if len(data) <= MAX_STATUS and self._bucket.take(self._world.monotonic()):
            self.on_message(data)

    def let_go(self) -> None:
        """Nobody reads any more."""
        self.on_message = ignore
