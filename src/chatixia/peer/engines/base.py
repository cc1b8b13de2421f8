"""The one engine interface (links.md section 2), and what its two engines share.

Rules for who uses it:

- One loop owns a connection; every callback runs synchronously on it, and must not raise.
- A callback attribute may be set at any time; frames that arrive before ``on_message`` is set are
  held up to :data:`EARLY_BYTES`, then the channel is closed. A channel handed to ``on_channel``
  is open, its peer's certificate readable; set its callbacks inside that callback.
- ``on_open`` fires for a channel that we created, ``on_close`` once for every channel, whoever
  closed it. Watch the channel, not the state: after the peer closed, the state still reads
  ``connected``.
- Always ``close``: a dropped connection leaks.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec

EARLY_BYTES: Final = 64 * 1024
"""What a channel holds until its reader is there; a peer sends one ``hello`` before that."""
EARLY_CANDIDATES: Final = 32
"""Candidates kept until the remote description is set (trust.md section 2)."""
FULL_BYTES: Final = 16 * 1024 * 1024
"""An engine's send queue; the session never leaves more than 256 KiB there."""
LOW_BYTES: Final = 64 * 1024
"""A link's channel says that it has room again once it holds no more than this."""
DATA_MID: Final = "0"

State = Literal["new", "connecting", "connected", "disconnected", "failed", "closed"]
RefusalReason = Literal["closed", "full", "too_large", "bad_description", "bad_candidate"]
Data = bytes | str
"""A frame as it arrives; text only from described peers and browsers."""


class EngineRefused(Exception):
    """The engine took nothing: ``reason`` says what stood against it, and it may be tried again.

    Never leaves ``peer``: a frame goes back to its outbox, a description ends its attempt.
    """

    def __init__(self, reason: RefusalReason, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason: RefusalReason = reason


class Candidate(msgspec.Struct, frozen=True):
    """One trickled ICE candidate: ``candidate:...`` and the section that it belongs to."""

    candidate: str
    mid: str | None = DATA_MID
    index: int | None = 0


class IceServer(msgspec.Struct, frozen=True):
    """A STUN or TURN server, with URLs as RFC 7064 and RFC 7065 write them."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class PathStats(msgspec.Struct):
    """The selected candidate pair as the engine itself reports it.

    ``tier`` is ``turn`` when either end of the pair is a relayed address. ``local`` and ``remote``
    are candidate types (host, srflx, prflx, relay); addresses are ``host:port``, and the remote one
    is empty while the engine does not tell it. ``rtt_ms``: of the last connectivity check.
    ``last_answer`` rises while the far ICE agent answers, whatever its application does; None: this
    engine has no such witness (links.md section 3). ``relay``: how this end speaks to its TURN
    server (``udp``, ``tcp`` or ``tls``), empty where it uses none.
    """

    tier: Literal["direct", "turn", "relay"]
    local: str
    remote: str
    local_addr: str
    remote_addr: str
    rtt_ms: float | None = None
    bytes_sent: int = 0
    bytes_received: int = 0
    last_answer: float | None = None
    relay: str = ""


def tier_of(local: str, remote: str) -> Literal["direct", "turn"]:
    """The tier of a selected pair, by the types of its two candidates (links.md section 4)."""
    return "turn" if "relay" in (local, remote) else "direct"


class Channel(ABC):
    """A channel, reliable and ordered unless ``lossy``. ``send`` queues all of a frame or raises
    EngineRefused."""

    label: str
    lossy: bool
    send: Callable[[bytes], None]
    """The engine's own send: bytes of at most ``max_message``. Raises EngineRefused at once when
    the frame is too large, the queue full or the channel not open; nothing is dropped silently."""

    def __init__(self, label: str, *, lossy: bool = False) -> None:
        self.label, self.lossy = label, lossy
        self.on_open: Callable[[], None] = ignore
        self.on_close: Callable[[], None] = ignore
        self.on_low: Callable[[], None] = ignore
        self.closed = False
        self.over, self.empty = asyncio.Event(), asyncio.Event()
        self._reader: Callable[[Data], None] | None = None
        self._early: list[Data] = []
        self._early_bytes = 0

    @property
    @abstractmethod
    def state(self) -> str:
        """``connecting``, ``open``, ``closing`` or ``closed``."""

    @property
    @abstractmethod
    def buffered(self) -> int:
        """Bytes given to ``send`` that the engine has not sent yet."""

    @property
    @abstractmethod
    def max_message(self) -> int:
        """The largest frame in bytes that the peer takes."""

    @property
    @abstractmethod
    def low_threshold(self) -> int:
        """``on_low`` fires when ``buffered`` falls to this many bytes."""

    @low_threshold.setter
    @abstractmethod
    def low_threshold(self, value: int) -> None: ...

    def send_text(self, text: str) -> None:
        """As ``send``, as a text message: for peers of the described contract alone."""
        raise EngineRefused("closed", "this channel carries no text")

    @abstractmethod
    def close(self) -> None:
        """Start closing; frames queued before are still sent."""

    @property
    def on_message(self) -> Callable[[Data], None] | None:
        """Where frames go, one call each, in order."""
        return self._reader

    @on_message.setter
    def on_message(self, reader: Callable[[Data], None]) -> None:
        self._reader = reader
        early, self._early, self._early_bytes = self._early, [], 0
        for frame in early:
            reader(frame)
        self._rewire(reader)

    def _rewire(self, reader: Callable[[Data], None]) -> None:  # noqa: B027 - optional
        """An engine with a shorter way to the reader takes it here."""

    def _receive(self, data: Data) -> None:
        """The long way: to the reader, or held until there is one."""
        if self._reader is not None:
            self._reader(data)
            return
        self._early_bytes += len(data)
        if self._early_bytes > EARLY_BYTES:
            # Nobody may send this much before hello; cutting is better than dropping one frame.
            self.close()
        elif not self.closed:
            self._early.append(data)

    def _opened(self, *_: object) -> None:
        self.on_open()

    def _drained(self, *_: object) -> None:
        self.empty.set()
        self.on_low()

    async def drained(self) -> None:
        """Until the engine holds nothing more of this channel, or the channel is over."""
        self.empty.clear()
        self.low_threshold = 0
        if self.buffered and not self.closed:
            await self.empty.wait()

    def let_go(self) -> None:
        """Nobody is called any more; a frame that is sent is refused."""
        self._reader = self.on_close = self.on_open = self.on_low = ignore
        self.send = _over
        self._early.clear()

    def ended(self, *_: object) -> None:
        """The channel is over: tell it once."""
        if not self.closed:
            self.closed = True
            self.over.set()
            self.empty.set()
            self.on_close()


class Connection(ABC):
    """One engine connection; create its channel before ``offer``."""

    def __init__(self) -> None:
        self.on_channel: Callable[[Channel], None] = ignore
        self.on_candidate: Callable[[Candidate | None], None] = ignore
        self.on_state: Callable[[State], None] = ignore
        self.closed = False
        self.released: Callable[[Connection], None] = ignore
        self._channels: list[Channel] = []
        self._early: list[Candidate | None] = []
        self._described = False

    @abstractmethod
    async def offer(self) -> str:
        """A local offer, set; its candidates follow by ``on_candidate``, None after the last.

        Raises EngineRefused ``closed`` after close.
        """

    @abstractmethod
    async def answer(self, offer: str) -> str:
        """Take a checked offer and give the local answer, set. Raises EngineRefused."""

    @abstractmethod
    async def accept(self, answer: str) -> None:
        """Take a checked answer to our offer. Raises EngineRefused."""

    @abstractmethod
    def create_channel(self, label: str, *, lossy: bool = False) -> Channel:
        """A channel that the peer gets by ``on_channel``. ``lossy``: unordered, and nothing on it
        is sent again; what it holds is not waited for at the end. Raises EngineRefused."""

    @abstractmethod
    def local_fingerprint(self) -> bytes:
        """SHA-256 of our certificate on this connection (32 bytes)."""

    @abstractmethod
    def remote_fingerprint(self) -> bytes | None:
        """SHA-256 of the certificate that the peer really used in DTLS; None before that."""

    @abstractmethod
    def max_message_size(self) -> int:
        """The largest message in bytes that the peer takes, by its description."""

    @abstractmethod
    async def stats(self) -> PathStats | None:
        """The selected pair now; None while there is none."""

    async def add_candidate(self, candidate: Candidate | None) -> None:
        """Add a remote candidate; those before the description are kept for it (at most 32).

        None: there are no more for now. Raises EngineRefused ``bad_candidate``.
        """
        if self._described:
            await self._add(candidate)
        elif len(self._early) >= EARLY_CANDIDATES:
            raise EngineRefused("bad_candidate", "too many candidates before the description")
        else:
            self._early.append(candidate)

    async def close(self, drain: float = 1.0) -> None:
        """Close the channels, wait up to ``drain`` seconds until the peer has all, then all else.

        Closing a connection alone drops what is queued.
        """
        if self.closed:
            return
        self.closed = True
        try:
            await self._drain(drain)
        finally:
            await self._release()
            for channel in self._channels:
                channel.ended()
            self.released(self)
            self.on_state("closed")
            self._let_go()

    def _let_go(self) -> None:
        """Nothing of it is called again. Who listened is held no more, or engine objects that are
        large outside Python's sight would wait in cycles for the collector."""
        self.on_channel = self.on_candidate = self.on_state = self.released = ignore
        for channel in self._channels:
            channel.let_go()
        self._channels.clear()

    @abstractmethod
    async def _add(self, candidate: Candidate | None) -> None:
        """Give a candidate to the library, whose description is set."""

    @abstractmethod
    async def _release(self) -> None:
        """Close the library's connection and let go of its handlers."""

    @abstractmethod
    def _alive(self) -> bool:
        """Whether the library holds the path for connected."""

    async def _take_early(self) -> None:
        """The description is set: add what waited for it."""
        while self._early:
            # One useless candidate among the early ones must not end the link.
            with contextlib.suppress(EngineRefused):
                await self._add(self._early.pop(0))
        self._described = True

    async def _drain(self, seconds: float) -> None:
        """Wait until every channel is closed at both ends, which is after its last frame."""
        if not self._alive():
            return
        waiting = [
            channel
            for channel in self._channels
            if channel.state in ("open", "closing") and not channel.lossy
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for channel in waiting:
                    # In this order: closing the connection under a queue loses the queue.
                    await channel.drained()
                    channel.close()
                for channel in waiting:
                    await channel.over.wait()


class Engine(ABC):
    """A WebRTC library. ``name`` is ``wrtc`` or ``aiortc``, ``version`` the library's own."""

    name: str
    version: str

    def __init__(self) -> None:
        self._open: set[Connection] = set()

    @abstractmethod
    async def connection(
        self, ice_servers: Sequence[IceServer] = (), *, relay_only: bool = False
    ) -> Connection:
        """A new connection of the running loop."""

    async def close(self) -> None:
        """Close every connection that is still open, all at once."""
        await asyncio.gather(*(each.close() for each in list(self._open)))

    def _keep(self, connection: Connection) -> None:
        self._open.add(connection)
        connection.released = self._open.discard


def _over(_: bytes) -> None:
    raise EngineRefused("closed")


def ignore(*_: Any) -> None:
    """The callback of who does not care."""
