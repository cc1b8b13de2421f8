"""One connection of an engine: described, signed, opened, and proved by ``hello`` both ways.

trust.md section 2 and links.md section 2. Nothing but ``hello`` is sent or read before both
verified (``core.hello``).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

import msgspec

from chatixia.core.capabilities import STATUS
from chatixia.core.handshake import NONCE_BYTES
from chatixia.core.hello import HelloExchange
from chatixia.core.membership import Member
from chatixia.core.openings import (
    VerifiedOpening,
    binding_of,
    check_reply,
    opening_hash,
    sign_opening,
    sign_reply,
)
from chatixia.core.paths import DIRECT
from chatixia.core.ports import LocalIdentity
from chatixia.core.sdp import check_candidate
from chatixia.core.shares import holder_of
from chatixia.errors import BadRequest, BadSignature, Denied, MeshError, Unreachable
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
from chatixia.wire import signed
from chatixia.wire.base import VERSIONS
from chatixia.wire.peer import CAPABILITIES, CHANNEL, STATUS_CHANNEL, Bye, Hello
from chatixia.wire.signaling import Answer, IceCandidate, Offer, RelayOpen
from chatixia.world import World

from .datagrams import DatagramChannel
from .path import LinkPath
from .trace import LinkTrace

MAX_STRAY_CHANNELS: Final = 3
"""Channels of undeclared labels that are closed before the connection is."""
STATS_SECONDS: Final = 1.0
NAME_SECONDS: Final = 0.25
"""How long a path waits for the candidate that gives the peer's address a name: the engine hides
one that a check found before signaling told of it (3 of 100 links; told 3 ms later, and over 50 ms
later where the registry's machine is busy)."""
GATHERED_SECONDS: Final = 0.01
"""How long the engine may take to show what the last candidate told."""
UNANSWERED: Final = "no answer to the offer"
SILENT: Final = "no answer over UDP"
UNGREETED: Final = "a connection, and no hello over it"


class AttemptHost(Protocol):
    """What an attempt needs of the link layer."""

    me: LocalIdentity
    engine: Engine
    world: World
    servers: Sequence[IceServer]

    def tell(self, message: msgspec.Struct) -> bool:
        """Send by signaling. False: it will not go."""
        ...

    def acked(self, peer: str, incarnation: str) -> int:
        """``hello.a``: what I have of that session in order."""
        ...

    def connected(self, attempt: LinkAttempt) -> None:
        """The connection exists and may take candidates."""
        ...

    def verified(self, attempt: LinkAttempt) -> None:
        """Both hellos hold."""
        ...

    def failed(self, attempt: LinkAttempt, error: MeshError) -> None:
        """It came to nothing; called once."""
        ...

    def closed(self, attempt: LinkAttempt) -> None:
        """The channel of a verified connection is over."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """A task that is awaited when the driver stops."""
        ...


class LinkAttempt:
    """One connection to ``peer``, from its first description to its end.

    ``member``: whom the peer proved to be; ``stats``: the engine's first reading of the selected
    pair; ``link``: the link's name, the same at both ends. ``open``: both hellos hold; ``over``:
    nothing more comes of it. ``versions``, ``capabilities``: what it offers.
    """

    kind = DIRECT.name
    versions: tuple[int, ...] = VERSIONS
    capabilities: tuple[str, ...] = CAPABILITIES

    def __init__(
        self, host: AttemptHost, key: int, peer: str, attempt: int, incarnation: str
    ) -> None:
        self.key, self.peer, self.attempt, self.incarnation = key, peer, attempt, incarnation
        self.began = host.world.monotonic()
        self.exchange: HelloExchange | None = None
        self.stats: PathStats | None = None
        self.connection: Connection | None = None
        self.channel: Channel | None = None
        self.datagrams: DatagramChannel | None = None
        self.link = ""
        self.trace = LinkTrace(peer, attempt, host.world.monotonic)
        self.over = self.open = self._connected = False
        self._host, self._me = host, host.me
        self._nonce = host.world.token(NONCE_BYTES)
        self._offer: Offer | None = None
        self._stray_channels = 0
        self._gathered_at = 0.0

    @property
    def member(self) -> Member | None:
        """Whom the peer's description proved."""
        return self.exchange.member if self.exchange is not None else None

    @property
    def hello(self) -> Hello | None:
        """The peer's hello, once it verified."""
        return self.exchange.hello if self.exchange is not None else None

    @property
    def trouble(self) -> str:
        """What it waits for, or waited for when it failed."""
        if self.exchange is None:
            return UNANSWERED
        return UNGREETED if self._connected else SILENT

    @property
    def likely(self) -> str:
        """The likely cause, should it fail now."""
        trouble, cause = self.trouble, self.trace.likely(self.trouble == SILENT)
        return f"{trouble}: {cause}" if cause else trouble

    # -- descriptions

    async def offer(self) -> None:
        """Make the connection and send a signed offer; candidates follow by themselves."""
        connection = await self._connect()
        connection.on_channel = self._stranger
        self._watch(connection.create_channel(CHANNEL))
        assert self.channel
        self.channel.on_open = self._greet
        sdp = await connection.offer()
        if self.over:  # a later try is under way: this offer would come after its
            return
        offer = Offer(
            self.peer,
            sdp,
            incarnation=self._me.incarnation,
            peer_incarnation=self.incarnation,
            attempt=self.attempt,
            nonce=signed.b64(self._nonce),
            versions=self.versions,
            capabilities=list(self.capabilities),
        )
        self._offer = sign_opening(offer, self._me)
        self._host.tell(self._offer)
        self.trace.step("offer sent")
        self.trace.description(sdp, local=True)

    async def answered(self, answer: Answer) -> None:
        """Take the answer, once. A second one is nobody's."""
        if self._offer is None or self.exchange is not None or self.over or not self.connection:
            return
        now, book = self._me.clock.now(), self._me.book
        opening = check_reply(answer, self._offer, self._me, book, now=now)
        self._bind_connection(opening, self._offer, self.connection)
        self.trace.step("answer came")
        self.trace.description(answer.sdp, local=False)
        await self.connection.accept(answer.sdp)

    async def answer(self, offer: Offer, opening: VerifiedOpening) -> None:
        """Answer a checked offer."""
        connection = await self._connect()
        connection.on_channel = self._adopt
        sdp = await connection.answer(offer.sdp)
        answer = Answer(
            self.peer,
            sdp,
            incarnation=self._me.incarnation,
            peer_incarnation=self.incarnation,
            attempt=self.attempt,
            nonce=signed.b64(self._nonce),
            versions=self.versions,
            capabilities=list(self.capabilities),
        )
        sign_reply(answer, offer, self._me)
        self._bind_connection(opening, answer, connection)
        self._host.tell(answer)
        self.trace.step("offer came, answer sent")
        self.trace.description(offer.sdp, local=False)
        self.trace.description(sdp, local=True)

    async def _connect(self) -> Connection:
        connection = await self._host.engine.connection(self._host.servers)
        if self.over:
            await connection.close(0)
            raise EngineRefused("closed")
        self.connection = connection
        connection.on_candidate = self._gathered
        connection.on_state = self._state
        self._host.connected(self)
        return connection

    def _bind_connection(
        self, opening: VerifiedOpening, message: Offer | Answer, connection: Connection
    ) -> None:
        self._bind(opening, message, connection.local_fingerprint())
        if self.exchange and STATUS in self.exchange.capabilities:
            self.datagrams = DatagramChannel(connection.create_channel, self._host.world)

    def _bind(self, opening: VerifiedOpening, message: signed.Opening, fingerprint: bytes) -> None:
        """Prove by hello what both described: ``opening`` of the peer, and my ``message``, with
        SHA-256 of my certificate."""
        offerer = isinstance(message, Offer | RelayOpen)
        nonces = (self._nonce, opening.nonce) if offerer else (opening.nonce, self._nonce)
        self.link = hashlib.sha256(b"".join(nonces)).hexdigest()[:12]
        binding = binding_of(
            self._me,
            opening,
            offerer=offerer,
            nonce=self._nonce,
            hash=opening_hash(message, self._me.mesh),
            fingerprint=fingerprint,
            capabilities=self.capabilities,
        )
        self.exchange = HelloExchange(binding, opening.member, self._me)

    def _gathered(self, candidate: Candidate | None) -> None:
        if not self.over:
            if candidate:
                self.trace.candidate(candidate.candidate, local=True)
            self._host.tell(
                IceCandidate(
                    self.peer,
                    candidate.candidate if candidate else "",
                    candidate.mid if candidate else None,
                    candidate.index if candidate else None,
                    incarnation=self._me.incarnation,
                    peer_incarnation=self.incarnation,
                    attempt=self.attempt,
                )
            )

    async def candidate(self, message: IceCandidate) -> None:
        """Give a candidate to the engine; one that an honest peer does not have is left out."""
        if self.connection is None or self.over:
            return
        if not message.candidate:
            await self.connection.add_candidate(None)
            # After it: the engine takes them in order, and the others may have waited there.
            self._gathered_at = self._host.world.monotonic()
            return
        if reason := check_candidate(message.candidate):
            raise BadRequest(f"A candidate of {self.peer} {reason}.")
        self.trace.candidate(message.candidate, local=False)
        candidate = Candidate(message.candidate, message.sdp_mid, message.sdp_m_line_index)
        with contextlib.suppress(EngineRefused):  # one useless candidate ends no link
            await self.connection.add_candidate(candidate)

    # -- channels and hello

    def _stranger(self, channel: Channel) -> None:
        """A channel beside the one for calls: for datagrams, or one that nobody declared."""
        if channel.label == STATUS_CHANNEL and self.datagrams and self.datagrams.adopt(channel):
            return
        channel.close()
        self._stray_channels += 1
        if self._stray_channels > MAX_STRAY_CHANNELS:
            self.fail(Denied(f"{self.peer} opened channels that nobody declared."))

    def _adopt(self, channel: Channel) -> None:
        if channel.label != CHANNEL or self.channel is not None:
            self._stranger(channel)
            return
        self._watch(channel)
        self._greet()

    def _watch(self, channel: Channel) -> None:
        self.channel = channel
        channel.on_close = self._ended

    def _greet(self) -> None:
        """The channel is open: hold the certificate against the signed one, then say hello."""
        if self.over or self.exchange is None or not self.channel:
            return
        certificate = self._remote_fingerprint()
        if certificate is None:  # ended before it was greeted: nobody is accused
            self.fail(Unreachable(f"The connection with {self.peer} ended too early."))
            return
        acked = self._host.acked(self.peer, self.incarnation)
        try:
            self.channel.send(self.exchange.greet(certificate, acked))
        except BadSignature as error:
            self.fail(error)
            return
        except EngineRefused as error:
            self.fail(Unreachable(f"The channel to {self.peer} closed: {error}."))
            return
        self.channel.on_message = self._receive

    def _remote_fingerprint(self) -> bytes | None:
        """SHA-256 of the certificate that the peer really used."""
        return self.connection.remote_fingerprint() if self.connection is not None else None

    def _receive(self, data: Data) -> None:
        """The peer's first message must be its hello; what follows waits for :meth:`_measure`."""
        if self.over or self.exchange is None:
            return
        try:
            verified = self.exchange.receive(data)
        except MeshError as error:
            self.fail(error)
            return
        if verified:
            self._host.spawn(self._measure())

    async def _measure(self) -> None:
        """The tier is what the engine says of the selected pair, read before any call runs."""
        now = self._host.world.monotonic
        began, stats = now(), None
        while not self.over and not self._complete(stats := await self.read_stats(), began):
            if now() - began > STATS_SECONDS:
                self.fail(Unreachable(f"The engine names no path to {self.peer}."))
                return
            await asyncio.sleep(0.01 if stats is None else 0.002)
        if self.over or stats is None:
            return
        self.stats, self.open = stats, True
        where = f", {stats.remote_addr}" if stats.remote_addr else ""
        self.trace.end(f"open, {stats.tier}, {stats.local} here, {stats.remote} there{where}")
        self._host.verified(self)

    async def read_stats(self) -> PathStats | None:
        """What is known of the path now; None: there is none."""
        return await self.connection.stats() if self.connection is not None else None

    def _complete(self, stats: PathStats | None, began: float) -> bool:
        """Whether a reading will do: its address is there, or nothing more will tell it."""
        if stats is None or stats.remote_addr:
            return stats is not None
        now = self._host.world.monotonic()
        gathered = self._gathered_at and now - self._gathered_at > GATHERED_SECONDS
        return bool(gathered) or now - began > NAME_SECONDS

    def path(self, on_bye: Callable[[Bye], None], on_close: Callable[[str], None]) -> LinkPath:
        """The open path, as the mesh uses it."""
        assert self.channel and self.stats and self.member and self.exchange
        return LinkPath(
            self.channel,
            self.stats.tier,
            self.stats.remote_addr,
            (self._host.world.monotonic() - self.began) * 1000,
            on_bye,
            on_close,
            holder_of(self.member),
            self.exchange.capabilities,
            self.datagrams,
            self.member.trust,
        )

    def replay(self) -> None:
        """Hand on what came while the engine was asked; the mesh reads from now on."""
        assert self.channel and self.exchange
        for data in self.exchange.take_early():
            if (reader := self.channel.on_message) is not None:
                reader(data)

    # -- the end

    def _state(self, state: str) -> None:
        if not self.over:
            self.trace.step(f"connection {state}")
        self._connected = self._connected or state == "connected"
        if state != "failed" or self.over:
            return
        if self.open or self.exchange is None:
            self._died(f"No path to {self.peer} works.")
        else:
            self._host.spawn(self._broke(self.exchange))

    async def _broke(self, exchange: HelloExchange) -> None:
        """It failed before it opened. Where packets do pass, the certificates did not hold: neither
        a path that dies nor a peer that closes meanwhile leaves the engine so."""
        passes = await self.read_stats() is not None
        certificate = self._remote_fingerprint()
        try:
            if certificate is not None:
                exchange.check_certificate(certificate)
        except BadSignature as error:
            self.fail(error)
            return
        if passes:
            self.fail(
                BadSignature(
                    f"The handshake with {self.peer} broke: it, or this side, showed another "
                    "certificate than it signed."
                )
            )
        else:
            self._died(f"No path to {self.peer} works.")

    def _ended(self) -> None:
        self._died(f"{self.peer} closed the connection.")

    def _died(self, reason: str) -> None:
        if self.over:
            return
        if self.open:
            self._host.closed(self)
        else:
            self.fail(Unreachable(reason, agent=self.peer))

    def fail(self, error: MeshError) -> None:
        """There will be no link by this connection."""
        if not self.over:
            self._host.failed(self, error)

    async def close(self, drain: float = 1.0) -> None:
        """Let go of the connection."""
        self.over = True
        if self.exchange is not None:
            self.exchange.take_early()
        if self.datagrams is not None:
            self.datagrams.let_go()
        if self.connection is not None:
            await self.connection.close(drain)
