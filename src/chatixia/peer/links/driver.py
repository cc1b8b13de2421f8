"""The link driver: offers, answers and connections for the decisions of ``core.link``.

What comes by signaling is judged in this order: size (at the socket), sender, rate, signature,
policy; only then is there a connection (trust.md section 2). Each refusal is one sentence in the
log, and an error to the other side.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from chatixia.core.handshake import check_offer
from chatixia.core.link import Sink
from chatixia.core.membership import check_member
from chatixia.core.ports import LocalIdentity
from chatixia.errors import (
    Denied,
    MembershipExpired,
    MeshError,
    Overloaded,
    PeerRestarted,
    UnknownAgent,
    WireError,
    from_wire,
)
from chatixia.ids import AgentId, is_peer_id
from chatixia.peer.engines.base import Engine, EngineRefused, IceServer
from chatixia.wire.signaling import (
    Answer,
    Connect,
    IceCandidate,
    LinkReport,
    Offer,
    PeerJoined,
    PeerLeft,
    PeerList,
    SignalError,
)
from chatixia.world import REAL, World

from .attempt import UNANSWERED
from .effects import LinkEffects, Signals
from .monitor import LinkedPeer

log = logging.getLogger("chatixia.peer")

MOST_CONNECTIONS: Final = 1024
"""To all peers together; the next offer is answered ``busy``."""


class LinkDriver(LinkEffects):
    """All links of one principal; implements :class:`chatixia.peer.ports.LinkLayer`.

    ``keep``: warm links that may idle (None: all). ``ttl``: seconds that links live without the
    registry's confirmation.
    """

    def __init__(
        self,
        me: LocalIdentity,
        engine: Engine,
        signals: Signals,
        *,
        world: World = REAL,
        keep: int | None = 32,
        ttl: float = 7 * 86_400.0,
    ) -> None:
        super().__init__(me, engine, signals, world, keep, ttl)

    # -- for the mesh

    async def start(self) -> None:
        """Begin to watch what is open, and wake the engine: its first connection is slow."""
        self.begin_watching()
        self.spawn(self._warm())

    async def _warm(self) -> None:
        with contextlib.suppress(EngineRefused):
            await (await self.engine.connection()).close(0)

    async def stop(self) -> None:
        """Leave the list, close every link with a drain, end every task."""
        self._stopping = True
        self._signals.leave()
        await self.end_watching()
        births = [birth for peer in self.peers.values() for birth in peer.births.values()]
        for birth in births:
            birth.over = True
        await asyncio.gather(*(birth.close() for birth in births), return_exceptions=True)
        await self.engine.close()
        await self._end_tasks()
        self.peers.clear()

    def want(self, peer: AgentId) -> None:
        """Start to open a link unless there is one or an attempt runs.

        With the next turn of the loop: a refusal must not reach the mesh before it waits for one.
        """
        asyncio.get_running_loop().call_soon(self._want, peer)

    def _want(self, name: AgentId) -> None:
        if self._stopping:
            return
        sink: Sink = []
        try:
            peer = self._peer(name)
        except Overloaded as error:
            self.listener.refused(name, error)
            return
        if self._signals.up:
            peer.link.want(self._now(), sink)
            self._perform(peer, sink)
        else:
            peer.link.hope(self._now())

    def trouble(self, peer: AgentId) -> str:
        """What the try to open a link waits for, or waited for when it failed."""
        found = self.peers.get(peer)
        if found is None:
            return ""
        for birth in found.births.values():
            if not (birth.open or birth.over):
                found.trouble = birth.trouble
        return found.trouble or UNANSWERED

    def likely(self, peer: AgentId) -> str:
        """The likely cause of no link, as the end of a sentence."""
        found = self.peers.get(peer)
        if found is None:
            return ""
        waiting = [birth for birth in found.births.values() if not (birth.open or birth.over)]
        if waiting:
            found.likely = waiting[-1].likely
        return found.likely

    def report(self) -> Sequence[LinkReport]:
        """The open links as their engines saw them last."""
        return [self.report_of(peer) for peer in self.peers.values() if peer.open]

    def cut(self, peer: str) -> None:
        """For tests: the connection dies under the living session, as if its path had."""
        found = self.peers[peer]
        assert found.open and found.open.connection
        self.spawn(found.open.connection.close(0))

    # -- for signaling

    def registry(self, up: bool) -> None:
        """The login stands, or is lost."""
        self.confirmed_at = self._now()
        if up:
            self.tick(self._now())

    def use(self, servers: Iterable[IceServer]) -> None:
        """STUN and TURN servers for new connections."""
        self.servers = tuple(servers)

    def signal(self, message: msgspec.Struct) -> None:
        """A frame from the registry that is about links. Never raises."""
        match message:
            case Offer() | Answer() | IceCandidate() | Connect():
                self._from_peer(message)
            case SignalError():
                self._error(message)
            case PeerJoined():
                self._present(message.peer.id, message.peer.incarnation)
            case PeerList():
                for info in message.peers:
                    self._present(info.id, info.incarnation)
            case PeerLeft():
                self._left(message)
            case _:
                pass

    def recheck(self) -> None:
        """Close links to members that are revoked or over, all if nothing confirmed me for long."""
        now = self._now()
        stale = not self._signals.up and now - self.confirmed_at > self.ttl
        for peer in list(self.peers.values()):
            if not peer.open or not peer.open.member:
                continue
            try:
                if stale:
                    raise MembershipExpired("No registry confirmed this membership for too long.")
                check_member(peer.open.member, self.me.clock.now(), self.me.book.revocations)
            except MeshError as error:
                log.warning("closing the link to %s: %s", peer.id, error)
                self._close(peer, error)

    def _from_peer(self, said: Offer | Answer | IceCandidate | Connect) -> None:
        if self._stopping:
            return
        ref = type(said).__struct_config__.tag
        attempt = 0 if isinstance(said, Connect) else said.attempt
        try:
            if not is_peer_id(said.peer_id) or said.peer_id == self.me.id:
                raise Denied(f"A {ref} came from nobody.")
            if said.target_id != self.me.id:
                raise Denied(f"A {ref} for {said.target_id[:64]!r} came here.")
            self._read(self._peer(said.peer_id), said)
        except MeshError as error:
            self._refuse(said.peer_id, error, str(ref), attempt)
            if isinstance(said, Offer) and said.peer_id in self.peers:
                sink: Sink = []
                self.peers[said.peer_id].link.refused(error, sink)
                self._perform(self.peers[said.peer_id], sink)

    def _read(self, peer: LinkedPeer, said: Offer | Answer | IceCandidate | Connect) -> None:
        match said:
            case Offer():
                self._offer(peer, said)
            case Answer():
                self._answer(peer, said)
            case Connect():
                sink: Sink = []
                peer.link.asked(said.incarnation, said.restart, self._now(), sink)
                self._perform(peer, sink)
            case IceCandidate():
                sink = []
                if said.peer_incarnation == self.me.incarnation:
                    peer.link.candidate(said, sink)
                self._perform(peer, sink)

    def _offer(self, peer: LinkedPeer, offer: Offer) -> None:
        now = self._now()
        peer.link.admit(now)
        if offer.peer_incarnation != self.me.incarnation:
            raise PeerRestarted(f"{self.me.id} is another process by now.")
        if sum(len(each.births) for each in self.peers.values()) >= MOST_CONNECTIONS:
            raise Overloaded("Too many connections at once.")
        heard = check_offer(offer, self.me, self.me.book, now=self.me.clock.now())
        sink: Sink = []
        peer.link.offered(heard.incarnation, heard.attempt, now, sink)
        self._perform(peer, sink, offer, heard)

    def _answer(self, peer: LinkedPeer, answer: Answer) -> None:
        trying = peer.link.trying
        birth = peer.births.get(trying.key) if trying else None
        if birth is None or answer.attempt != birth.attempt:
            log.debug("an answer of %s to no offer of mine", peer.id)
            return
        self.spawn(self._run(birth, birth.answered(answer)))

    def _error(self, said: SignalError) -> None:
        """Why the other side (or, unstamped, the registry) carries no link on."""
        name = said.peer_id or said.target_id
        peer = self.peers.get(name)
        if peer is None or said.ref == "error":
            return
        now = self._now()
        sink: Sink = []
        wire = WireError(said.code, said.message, said.retryable, said.outcome, agent=name)
        error = from_wire(wire)
        if said.peer_id and said.peer_incarnation not in ("", self.me.incarnation):
            return
        if not said.peer_id and isinstance(error, UnknownAgent):
            peer.link.unknown(now)
        # An agent's refusal concerns both users; that the registry does not know one is common.
        log.log(logging.WARNING if said.peer_id else logging.INFO, "%s: no link: %s", name, error)
        peer.link.told(error, said.attempt, now, sink)
        if said.peer_id and isinstance(error, PeerRestarted) and said.incarnation:
            peer.link.present(said.incarnation, now, sink)
        self._perform(peer, sink)

    def _present(self, name: str, incarnation: str) -> None:
        if name in self.peers or is_peer_id(name):
            peer = self._peer(name)
            sink: Sink = []
            peer.link.present(incarnation, self._now(), sink)
            self._perform(peer, sink)
            self.listener.present(peer.id)

    def _left(self, said: PeerLeft) -> None:
        peer = self.peers.get(said.peer_id)
        if peer is not None:
            peer.link.left(said.incarnation, said.clean, self._now())
            self.doubt(peer)
