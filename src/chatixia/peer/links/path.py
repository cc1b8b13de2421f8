"""A direct path as the mesh uses it: an engine's channel after ``hello`` verified both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatixia.peer.engines.base import LOW_BYTES, Channel, Data
from chatixia.wire.base import encode
from chatixia.wire.peer import CAPABILITIES, Bye, RevokedFrame

from .datagrams import DatagramChannel

_NUMBERED: Final = b'{"s":'
_BYE: Final = b'{"bye'
_bye = msgspec.json.Decoder(Bye)
_REVOKED: Final = b'{"rev'
_revoked = msgspec.json.Decoder(RevokedFrame)


class LinkPath:
    """Implements ``Path`` (``peer.ports``). ``on_bye`` gets idle-close frames and ``on_revoked``
    those with revocations, which are no part of the session; ``on_close`` is asked when the mesh
    gives the path up."""

    on_revoked: Callable[[RevokedFrame], None]

    def __init__(
        self,
        channel: Channel,
        tier: str,
        where: str,
        link_ms: float | None,
        on_bye: Callable[[Bye], None],
        on_close: Callable[[str], None],
        holder: str = "",
        capabilities: frozenset[str] = frozenset(CAPABILITIES),
        datagrams: DatagramChannel | None = None,
        trust: str = "unverified",
    ) -> None:
        self.holder, self.capabilities, self.trust = holder, capabilities, trust
        self._datagrams = datagrams
        self.tier, self.where, self.link_ms = tier, where, link_ms
        self.frame_at = 0.0
        self.send = channel.send
        self.close = on_close
        self._channel, self._on_bye = channel, on_bye
        self.on_revoked = _nobody
        self._reader: Callable[[Data], None] | None = None
        channel.low_threshold = LOW_BYTES

    @property
    def buffered(self) -> int:
        """Bytes that the engine holds."""
        return self._channel.buffered

    @property
    def max_message(self) -> int:
        """The peer's bound in bytes."""
        return self._channel.max_message

    @property
    def on_message(self) -> Callable[[Data], None] | None:
        """The mesh's reader of frames."""
        return self._reader

    @on_message.setter
    def on_message(self, reader: Callable[[Data], None] | None) -> None:
        self._reader = reader
        self._channel.on_message = self._reading(reader or _nobody)

    def _reading(self, reader: Callable[[Data], None]) -> Callable[[Data], None]:
        """One test for a frame of the session: this is the hot path."""

        def read(data: Data) -> None:
            head = data[:5]
            if head == _NUMBERED or (head != _BYE and head != _REVOKED):
                reader(data)
            elif head == _BYE:
                self._bye(data)
            else:
                self._revoked(data)

        return read

    def _bye(self, data: Data) -> None:
        try:
            bye = _bye.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.close("It sent a malformed bye.")
        else:
            self._on_bye(bye)

    def _revoked(self, data: Data) -> None:
        try:
            frame = _revoked.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.close("It sent malformed revocations.")
        else:
            self.on_revoked(frame)

    @property
    def on_low(self) -> Callable[[], None]:
        """Called when the engine's buffer ran low."""
        return self._channel.on_low

    @on_low.setter
    def on_low(self, callback: Callable[[], None]) -> None:
        self._channel.on_low = callback

    def tell(self, data: bytes) -> bool:
        """Send beside the session what may be lost. False: this path has no channel for it."""
        if self._datagrams is None:
            return False
        self._datagrams.send(data)
        return True

    def on_datagram(self, reader: Callable[[Data], None]) -> None:
        """Who reads what the peer tells so."""
        if self._datagrams is not None:
            self._datagrams.on_message = reader

    def say(self, frame: Bye | RevokedFrame) -> None:
        """Send a frame that is no part of the session. Raises EngineRefused."""
        self.send(encode(frame))


def _nobody(*_: Any) -> None:
    pass
