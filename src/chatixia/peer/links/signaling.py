"""What comes by signaling, judged: size (at the socket), sender, rate, signature, policy; only
then is there a connection (trust.md section 2). Each refusal is one sentence in the log, and an
error to the other side.
"""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from chatixia.core.handshake import check_offer
from chatixia.core.paths import Sink
from chatixia.errors import (
    Denied,
    MeshError,
    Overloaded,
    PeerRestarted,
    UnknownAgent,
    WireError,
    from_wire,
)
from chatixia.ids import is_peer_id
from chatixia.wire.signaling import (
    Answer,
    Connect,
    IceCandidate,
    Offer,
    PeerJoined,
    PeerLeft,
    PeerList,
    SignalError,
)

from .effects import LinkEffects
from .monitor import LinkMonitor
from .peers import LinkedPeer, LinkedPeers

log = logging.getLogger("chatixia.peer")

MAX_CONNECTIONS: Final = 1024
"""To all peers together; the next offer is answered ``busy``."""

PeerMessage = Offer | Answer | IceCandidate | Connect


class LinkSignaling:
    """Reads what the registry carries between agents about links, and what it says of them."""

    def __init__(self, peers: LinkedPeers, effects: LinkEffects, monitor: LinkMonitor) -> None:
        self._me, self._world = effects.me, effects.world
        self._peers, self._effects, self._monitor = peers, effects, monitor

    def receive(self, message: msgspec.Struct) -> None:
        """A frame from the registry that is about links. Never raises."""
        match message:
            case Offer() | Answer() | IceCandidate() | Connect():
                self._from_peer(message)
            case SignalError():
                self._error(message)
            case PeerJoined():
                self.present(message.peer.id, message.peer.incarnation)
            case PeerList():
                for info in message.peers:
                    self.present(info.id, info.incarnation)
            case PeerLeft():
                self._left(message)
            case _:
                pass

    def _from_peer(self, message: PeerMessage) -> None:
        if self._effects.stopping:
            return
        ref = str(type(message).__struct_config__.tag)
        attempt = 0 if isinstance(message, Connect) else message.attempt
        name = message.peer_id
        try:
            if not is_peer_id(name) or name == self._me.id:
                raise Denied(f"A {ref} came from nobody.")
            if message.target_id != self._me.id:
                raise Denied(f"A {ref} for {message.target_id[:64]!r} came here.")
            self._read(self._peers.require(name), message)
        except MeshError as error:
            self._effects.refuse(name, error, ref, attempt)
            peer = self._peers.get(name)
            if isinstance(message, Offer) and peer is not None:
                sink: Sink = []
                peer.link.refused(error, sink)
                self._effects.perform(peer, sink)

    def _read(self, peer: LinkedPeer, message: PeerMessage) -> None:
        sink: Sink = []
        match message:
            case Offer():
                self._offer(peer, message)
            case Answer():
                self._answer(peer, message)
            case Connect():
                peer.link.requested(message.incarnation, message.restart, self._now(), sink)
                self._effects.perform(peer, sink)
            case IceCandidate():
                if message.peer_incarnation == self._me.incarnation:
                    peer.link.candidate(message, sink)
                self._effects.perform(peer, sink)

    def _offer(self, peer: LinkedPeer, offer: Offer) -> None:
        now = self._now()
        peer.link.guard.offer(now)
        if offer.peer_incarnation != self._me.incarnation:
            raise PeerRestarted(f"{self._me.id} is another process by now.")
        if self._peers.connections >= MAX_CONNECTIONS:
            raise Overloaded("Too many connections at once.")
        description = check_offer(offer, self._me, self._me.book, now=self._me.clock.now())
        sink: Sink = []
        peer.link.offered(description.incarnation, description.attempt, now, sink)
        self._effects.accept(peer, sink, offer, description)

    def _answer(self, peer: LinkedPeer, answer: Answer) -> None:
        trying = peer.link.trying
        attempt = peer.attempts.get(trying.key) if trying else None
        if attempt is None or answer.attempt != attempt.attempt:
            log.debug("an answer of %s to no offer of mine", peer.id)
            return
        self._effects.spawn(self._effects.run(attempt, attempt.answered(answer)))

    def _error(self, message: SignalError) -> None:
        """Why the other side (or, unstamped, the registry) carries no link on."""
        name = message.peer_id or message.target_id
        peer = self._peers.get(name)
        if peer is None or message.ref == "error":
            return
        now = self._now()
        sink: Sink = []
        wire = WireError(
            message.code, message.message, message.retryable, message.outcome, agent=name
        )
        error = from_wire(wire)
        if message.peer_id and message.peer_incarnation not in ("", self._me.incarnation):
            return
        if not message.peer_id and isinstance(error, UnknownAgent):
            peer.link.unknown(now)
        # An agent's refusal concerns both users; that the registry does not know one is common.
        level = logging.WARNING if message.peer_id else logging.INFO
        log.log(level, "%s: no link: %s", name, error)
        peer.link.error_received(error, message.attempt, now, sink)
        if message.peer_id and isinstance(error, PeerRestarted) and message.incarnation:
            peer.link.present(message.incarnation, now, sink)
        self._effects.perform(peer, sink)

    def present(self, name: str, incarnation: str) -> None:
        """That peer is logged in, as that process."""
        if name in self._peers or is_peer_id(name):
            peer = self._peers.require(name)
            sink: Sink = []
            peer.link.present(incarnation, self._now(), sink)
            self._effects.perform(peer, sink)
            self._peers.listener.present(peer.id)

    def _left(self, message: PeerLeft) -> None:
        peer = self._peers.get(message.peer_id)
        if peer is not None:
            peer.link.left(message.incarnation, message.clean, self._now())
            self._monitor.doubt(peer)

    def _now(self) -> float:
        return self._world.monotonic()
