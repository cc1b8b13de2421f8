"""The birth of one connection: described, signed, opened, and proved by ``hello`` both ways.

trust.md section 2 and links.md section 2. Nothing but ``hello`` is sent or read before both
verified; what comes in between is held within 64 KiB.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Coroutine, Sequence
from typing import Any, Final, Protocol

import msgspec

from chatixia.core.handshake import (
    NONCE_BYTES,
    HelloBinding,
    VerifiedDescription,
    check_answer,
    check_hello,
    make_hello,
    sign_answer,
    sign_offer,
)
from chatixia.core.membership import Member
from chatixia.core.pins import accept, version_of
from chatixia.core.ports import LocalIdentity
from chatixia.core.sdp import check_candidate
from chatixia.core.session import LINK_WINDOW
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
from chatixia.wire.base import VERSIONS, encode
from chatixia.wire.peer import CAPABILITIES, CHANNEL, MAX_HELLO, Hello, HelloFrame
from chatixia.wire.signaling import Answer, IceCandidate, Offer
from chatixia.world import World

from .trace import LinkTrace

STRAY_CHANNELS: Final = 3
"""Channels of undeclared labels that are closed before the connection is."""
STATS_SECONDS: Final = 1.0
EARLY_BYTES: Final = LINK_WINDOW + 128 * 1024
"""Held after a hello that verified, until the link opens here. The peer may have opened it already,
and then sends at once what its credit allows, with frames that cost none."""
NAME_SECONDS: Final = 0.25
"""How long a path waits for the candidate that gives the peer's address a name: the engine hides
one that a check found before signaling told of it (3 of 100 links; told 3 ms later, and over 50 ms
later where the registry's machine is busy)."""
TOLD_SECONDS: Final = 0.01
"""How long the engine may take to show what the last candidate told."""
ANOTHER: Final = "{} connected with another certificate than it signed."
UNANSWERED: Final = "no answer to the offer"
SILENT: Final = "no answer over UDP"
UNGREETED: Final = "a connection, and no hello over it"
_hello = msgspec.json.Decoder(HelloFrame)


class AttemptHost(Protocol):
    """What a birth needs of the driver."""

    me: LocalIdentity
    engine: Engine
    world: World
    servers: Sequence[IceServer]

    def tell(self, message: msgspec.Struct) -> None:
        """Send by signaling."""
        ...

    def acked(self, peer: str, incarnation: str) -> int:
        """``hello.a``: what I have of that session in order."""
        ...

    def made(self, birth: LinkAttempt) -> None:
        """The connection exists and may take candidates."""
        ...

    def verified(self, birth: LinkAttempt) -> None:
        """Both hellos hold."""
        ...

    def failed(self, birth: LinkAttempt, error: MeshError) -> None:
        """It came to nothing; called once."""
        ...

    def closed(self, birth: LinkAttempt) -> None:
        """The channel of a verified connection is over."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is awaited when the driver stops."""
        ...


class LinkAttempt:
    """One connection to ``peer``, from its first description to its end.

    ``member``: whom the peer proved to be; ``said``: its hello; ``stats``: the engine's first
    reading of the selected pair; ``link``: the link's name, the same at both ends.
    """

    def __init__(
        self, host: AttemptHost, key: int, peer: str, attempt: int, incarnation: str
    ) -> None:
        self.key, self.peer, self.attempt, self.incarnation = key, peer, attempt, incarnation
        self.began = host.world.monotonic()
        self.member: Member | None = None
        self.said: Hello | None = None
        self.stats: PathStats | None = None
        self.connection: Connection | None = None
        self.channel: Channel | None = None
        self.link = ""
        self.trace = LinkTrace(peer, attempt, host.world.monotonic)
        self.over = self.open = self._connected = False
        self._host, self._me = host, host.me
        self._nonce = host.world.token(NONCE_BYTES)
        self._offer: Offer | None = None
        self._heard: VerifiedDescription | None = None
        self._binding: HelloBinding | None = None
        self._certificate = b""
        self._early: list[Data] = []
        self._held = self._stray = 0
        self._told_at = 0.0

    @property
    def trouble(self) -> str:
        """What it waits for, or waited for when it failed."""
        if self._binding is None:
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
        made = await self._connect()
        made.on_channel = self._stranger
        self._watch(made.create_channel(CHANNEL))
        assert self.channel
        self.channel.on_open = self._greet
        sdp = await made.offer()
        offer = Offer(
            self.peer,
            sdp,
            incarnation=self._me.incarnation,
            peer_incarnation=self.incarnation,
            attempt=self.attempt,
            nonce=signed.b64(self._nonce),
            versions=VERSIONS,
            capabilities=list(CAPABILITIES),
        )
        self._offer = sign_offer(offer, self._me)
        self._host.tell(self._offer)
        self.trace.step("offer sent")
        self.trace.description(sdp, mine=True)

    async def answered(self, answer: Answer) -> None:
        """Take the answer, once. A second one is nobody's."""
        if self._offer is None or self._heard is not None or self.over or not self.connection:
            return
        now, book = self._me.clock.now(), self._me.book
        heard = check_answer(answer, self._offer, self._me, book, now=now)
        self._bind(heard, self._offer.sdp, answer.sdp, offerer=True)
        self.trace.step("answer came")
        self.trace.description(answer.sdp, mine=False)
        await self.connection.accept(answer.sdp)

    async def answer(self, offer: Offer, heard: VerifiedDescription) -> None:
        """Answer a checked offer."""
        made = await self._connect()
        made.on_channel = self._adopt
        sdp = await made.answer(offer.sdp)
        self._bind(heard, offer.sdp, sdp, offerer=False)
        answer = Answer(
            self.peer,
            sdp,
            incarnation=self._me.incarnation,
            peer_incarnation=self.incarnation,
            attempt=self.attempt,
            nonce=signed.b64(self._nonce),
            versions=VERSIONS,
            capabilities=list(CAPABILITIES),
        )
        self._host.tell(sign_answer(answer, offer, self._me))
        self.trace.step("offer came, answer sent")
        self.trace.description(offer.sdp, mine=False)
        self.trace.description(sdp, mine=True)

    async def _connect(self) -> Connection:
        made = await self._host.engine.connection(self._host.servers)
        if self.over:
            await made.close(0)
            raise EngineRefused("closed")
        self.connection = made
        made.on_candidate = self._gathered
        made.on_state = self._state
        self._host.made(self)
        return made

    def _bind(self, heard: VerifiedDescription, offer: str, answer: str, *, offerer: bool) -> None:
        assert self.connection
        self._heard, self.member = heard, heard.member
        mine, theirs = self._nonce, heard.nonce
        self.link = hashlib.sha256(mine + theirs if offerer else theirs + mine).hexdigest()[:12]
        self._binding = HelloBinding(
            path="direct",
            mesh=self._me.mesh,
            me=self._me.id,
            peer=self.peer,
            offerer=offerer,
            nonce=mine,
            peer_nonce=theirs,
            incarnation=self._me.incarnation,
            peer_incarnation=self.incarnation,
            capabilities=CAPABILITIES,
            peer_capabilities=heard.capabilities,
            version=heard.version,
            fingerprint=self.connection.local_fingerprint(),
            peer_fingerprint=heard.description.fingerprint,
            offer_hash=signed.digest(offer),
            answer_hash=signed.digest(answer),
        )

    def _gathered(self, found: Candidate | None) -> None:
        if not self.over:
            if found:
                self.trace.candidate(found.candidate, mine=True)
            self._host.tell(
                IceCandidate(
                    self.peer,
                    found.candidate if found else "",
                    found.mid if found else None,
                    found.index if found else None,
                    incarnation=self._me.incarnation,
                    peer_incarnation=self.incarnation,
                    attempt=self.attempt,
                )
            )

    async def candidate(self, said: IceCandidate) -> None:
        """Give a candidate to the engine; one that an honest peer does not have is left out."""
        if self.connection is None or self.over:
            return
        if not said.candidate:
            await self.connection.add_candidate(None)
            # After it: the engine takes them in order, and the others may have waited there.
            self._told_at = self._host.world.monotonic()
            return
        if why := check_candidate(said.candidate):
            raise BadRequest(f"A candidate of {self.peer} {why}.")
        self.trace.candidate(said.candidate, mine=False)
        given = Candidate(said.candidate, said.sdp_mid, said.sdp_m_line_index)
        with contextlib.suppress(EngineRefused):  # one useless candidate ends no link
            await self.connection.add_candidate(given)

    # -- channels and hello

    def _stranger(self, channel: Channel) -> None:
        """A channel that nobody declared."""
        channel.close()
        self._stray += 1
        if self._stray > STRAY_CHANNELS:
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
        if self.over or self._binding is None or self.connection is None or not self.channel:
            return
        seen = self.connection.remote_fingerprint()
        if seen is None:  # ended before it was greeted: nothing is known, so nobody is accused
            self.fail(Unreachable(f"The connection with {self.peer} ended too early."))
            return
        if seen != self._binding.peer_fingerprint:
            self.fail(BadSignature(ANOTHER.format(self.peer)))
            return
        # Kept, for the engine forgets it when the peer closes: a hello that came before the close
        # must still be judged, or the end that is second to find a lie would not name it.
        self._certificate = seen
        hello = make_hello(
            self._binding,
            self._me,
            a=self._host.acked(self.peer, self.incarnation),
            revocations=version_of(self._me.book.revocations),
        )
        try:
            self.channel.send(encode(hello))
        except EngineRefused as error:
            self.fail(Unreachable(f"The channel to {self.peer} closed: {error}."))
            return
        self.channel.on_message = self._first

    def _first(self, data: Data) -> None:
        """The peer's first message must be its hello; what follows waits for :meth:`_measure`."""
        if self.over:
            return
        if self.said is not None:
            self._keep(data)
            return
        try:
            self._check(data)
        except MeshError as error:
            self.fail(error)
            return
        self._host.spawn(self._measure())

    def _check(self, data: Data) -> None:
        assert self._binding and self.member
        if len(data) > MAX_HELLO:
            raise BadRequest(f"The first message of {self.peer} is too long for a hello.")
        try:
            frame = _hello.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequest(f"The first message of {self.peer} is no hello.") from None
        self.said = check_hello(
            frame,
            self._binding,
            self.member,
            certificate=self._certificate,
            verify=self._me.verify,
            now=self._me.clock.now(),
            revocations=self._me.book.revocations,
        )
        accept(self.member, self._me.book)

    def _keep(self, data: Data) -> None:
        self._held += len(data)
        if self._held > EARLY_BYTES:
            self.fail(Denied(f"{self.peer} sent more than may wait for the link."))
        else:
            self._early.append(data)

    async def _measure(self) -> None:
        """The tier is what the engine says of the selected pair, read before any call runs."""
        now = self._host.world.monotonic
        began, stats = now(), None
        while not self.over and not self._known(stats := await self._stats(), began):
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

    async def _stats(self) -> PathStats | None:
        assert self.connection
        return await self.connection.stats()

    def _known(self, stats: PathStats | None, began: float) -> bool:
        """Whether a reading will do: its address is there, or nothing more will tell it."""
        if stats is None or stats.remote_addr:
            return stats is not None
        now = self._host.world.monotonic()
        told = self._told_at and now - self._told_at > TOLD_SECONDS
        return bool(told) or now - began > NAME_SECONDS

    def replay(self) -> None:
        """Hand on what came while the engine was asked; the mesh reads from now on."""
        early, self._early = self._early, []
        assert self.channel
        for data in early:
            if (reader := self.channel.on_message) is not None:
                reader(data)

    # -- the end

    def _state(self, state: str) -> None:
        if not self.over:
            self.trace.step(f"connection {state}")
        self._connected = self._connected or state == "connected"
        if state != "failed" or self.over:
            return
        if self.open or self._binding is None:
            self._died(f"No path to {self.peer} works.")
        else:
            self._host.spawn(self._broke(self._binding))

    async def _broke(self, binding: HelloBinding) -> None:
        """It failed before it opened. Where packets do pass, the certificates did not hold: neither
        a path that dies nor a peer that closes meanwhile leaves the engine so."""
        passes = await self._stats() is not None
        seen = self.connection.remote_fingerprint() if self.connection else None
        if seen is not None and seen != binding.peer_fingerprint:
            self.fail(BadSignature(ANOTHER.format(self.peer)))
        elif passes:
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

    def _died(self, why: str) -> None:
        if self.over:
            return
        if self.open:
            self._host.closed(self)
        else:
            self.fail(Unreachable(why, agent=self.peer))

    def fail(self, error: MeshError) -> None:
        """There will be no link by this connection."""
        if not self.over:
            self._host.failed(self, error)

    async def close(self, drain: float = 1.0) -> None:
        """Let go of the connection."""
        self.over = True
        self._early.clear()
        if self.connection is not None:
            await self.connection.close(drain)
