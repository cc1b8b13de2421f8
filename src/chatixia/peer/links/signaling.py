"""What comes by signaling, judged: size (at the socket), sender, rate, signature, policy; only
then is there a connection (trust.md section 2). Each refusal is one sentence in the log, and an
error to the other side.
"""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from chatixia.core.openings import check_opening
from chatixia.core.paths import DIRECT, RELAY, Sink
from chatixia.errors import (
    Denied,
    MeshError,
    Overloaded,
    PeerRestarted,
    UnknownAgent,
    WireError,
    from_wire,
)
from chatixia.ids import is_client_id, is_peer_id
from chatixia.wire.signaling import (
    Answer,
    Connect,
    IceCandidate,
    Offer,
    PeerJoined,
    PeerLeft,
    PeerList,
    RelayOpen,
    RelayReady,
    SignalError,
)

from .attempt import LinkAttempt
from .effects import LinkEffects
from .monitor import LinkMonitor
from .peers import LinkedPeer, LinkedPeers
from .relay_attempt import RelayAttempt

log = logging.getLogger("chatixia.peer")

MAX_CONNECTIONS: Final = 1024
"""To all peers together; the next offer is answered ``busy``."""

KIND_OF: Final = {
    "offer": DIRECT.name,
    "answer": DIRECT.name,
    "ice_candidate": DIRECT.name,
    "relay_open": RELAY.name,
    "relay_ready": RELAY.name,
}
"""The kind of path that an error to such a frame is about; any other error is not about one."""

PeerMessage = Offer | Answer | IceCandidate | Connect | RelayOpen | RelayReady


class LinkSignaling:
    """Reads what the registry carries between agents about links, and what it says of them."""

    def __init__(self, peers: LinkedPeers, effects: LinkEffects, monitor: LinkMonitor) -> None:
        self._me, self._world = effects.me, effects.world
        self._peers, self._effects, self._monitor = peers, effects, monitor

    def receive(self, message: msgspec.Struct) -> None:
        """A frame from the registry that is about links. Never raises."""
        match message:
            case Offer() | Answer() | IceCandidate() | Connect() | RelayOpen() | RelayReady():
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
            if isinstance(message, Offer | RelayOpen) and peer is not None:
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
            case RelayOpen():
                self._relay_open(peer, message)
            case RelayReady():
                self._relay_ready(peer, message)
            case Connect():
                peer.link.requested(message.incarnation, message.restart, self._now(), sink)
                self._effects.perform(peer, sink)
            case IceCandidate():
                if message.peer_incarnation == self._me.incarnation:
                    peer.link.candidate(message, sink)
                self._effects.perform(peer, sink)

    def _admit(self, peer: LinkedPeer, message: Offer | RelayOpen, now: float) -> None:
        """Before its signature is looked at. Raises Denied, Overloaded or PeerRestarted."""
        peer.link.guard.offer(now)
        if message.peer_incarnation != self._me.incarnation:
            raise PeerRestarted(f"{self._me.id} is another process by now.")
        if self._peers.connections >= MAX_CONNECTIONS:
            raise Overloaded("Too many connections at once.")

    def _offer(self, peer: LinkedPeer, offer: Offer) -> None:
        now = self._now()
        self._admit(peer, offer, now)
        opening = check_opening(offer, self._me, self._me.book, now=self._me.clock.now())
        sink: Sink = []
        number, incarnation = opening.attempt, opening.incarnation
        peer.link.offered(incarnation, number, now, sink)
        self._effects.accept(
            peer, sink, number, incarnation, lambda attempt: attempt.answer(offer, opening)
        )

    def _answer(self, peer: LinkedPeer, answer: Answer) -> None:
        attempt = peer.attempt_of(DIRECT.name, answer.attempt)
        if attempt is None:
            log.debug("an answer of %s to no offer of mine", peer.id)
            return
        self._effects.spawn(self._effects.run(attempt, attempt.answered(answer)))

    def _relay_open(self, peer: LinkedPeer, message: RelayOpen) -> None:
        now = self._now()
        self._admit(peer, message, now)
        opening = check_opening(message, self._me, self._me.book, now=self._me.clock.now())
        sink: Sink = []
        number, incarnation = opening.attempt, opening.incarnation
        peer.link.offered(incarnation, number, now, sink, RELAY.name)

        async def reply(attempt: LinkAttempt) -> None:
            assert isinstance(attempt, RelayAttempt)
            await attempt.reply(message, opening)

        self._effects.accept(peer, sink, number, incarnation, reply, RELAY.name)

    def _relay_ready(self, peer: LinkedPeer, message: RelayReady) -> None:
        attempt = peer.attempt_of(RELAY.name, message.attempt)
        if not isinstance(attempt, RelayAttempt):
            log.debug("a relay_ready of %s to no relay_open of mine", peer.id)
            return
        self._effects.spawn(self._effects.run(attempt, attempt.confirmed(message)))

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
        # An agent's refusal concerns both users, and a client's reads it as its error; that the
        # registry does not know one is common.
        loud = message.peer_id and not is_client_id(self._me.id)
        level = logging.WARNING if loud else logging.INFO
        log.log(level, "%s: no link: %s", name, error)
        nobody = not message.peer_id and isinstance(error, UnknownAgent)  # of any kind
        kind = "" if nobody else KIND_OF.get(message.ref, "")
        peer.link.error_received(error, message.attempt, now, sink, kind)
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
