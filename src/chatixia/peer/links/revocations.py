"""The owner's revocations from peer to peer, so that a registry that withholds one is caught.

`hello`, and each ping and pong, says which list each end has. Whoever has another sends what the
other may lack, and what is new to somebody goes on to all its links at once: one informed peer
informs the mesh (trust.md section 1). Each end verifies the owner's signature by itself.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

import msgspec

from chatixia.core.capabilities import REVOCATIONS
from chatixia.core.pins import digest_of, version_of
from chatixia.core.ports import LocalIdentity
from chatixia.core.rates import TokenBucket
from chatixia.ids import AgentId
from chatixia.peer.engines.base import EngineRefused
from chatixia.wire.base import EMPTY, KIB, encode, fitting
from chatixia.wire.peer import MAX_REVOKED, Hello, Ping, RevokedFrame
from chatixia.wire.trust import Signed
from chatixia.world import World

from .path import LinkPath
from .peers import LinkedPeer, LinkedPeers

log = logging.getLogger("chatixia.peer")
_ping = msgspec.json.Decoder(Ping)

MOST_SENT: Final = 256
"""Statements that one end sends after `hello`, the newest."""
FRAME_BYTES: Final = 64 * KIB
"""Of statements in one frame: those that end an owner are long."""
BURST: Final = 64
"""Frames of statements that one peer may send at once; one more each second."""


class RevocationExchange:
    """``take``: gets a statement of a peer, verifies and keeps it; False if it does not hold."""

    def __init__(self, me: LocalIdentity, world: World, peers: LinkedPeers) -> None:
        self.take: Callable[[Signed], bool] = _ignore
        self._me, self._world, self._peers = me, world, peers
        self._rates: WeakKeyDictionary[LinkedPeer, TokenBucket] = WeakKeyDictionary()
        self._mended: WeakKeyDictionary[LinkedPeer, tuple[str, str]] = WeakKeyDictionary()
        self._counted, self._lists = -1, Ping()

    def compare(self, path: LinkPath, hello: Hello) -> None:
        """A path opened: send what its peer may lack, if it has another list than I."""
        self._mend(path, hello.revocations, hello.revoked)

    def lists(self) -> msgspec.Raw:
        """What my pings and pongs say of my list."""
        own = self._own()
        return msgspec.Raw(encode(own)) if own.revoked else EMPTY

    def receive_lists(self, name: AgentId, payload: msgspec.Raw) -> None:
        """A ping or pong: what a peer missed of my list goes to it, once for the same two lists."""
        peer = self._peers.get(name)
        if peer is None or peer.path is None or not self._me.book.revocations:
            return
        try:
            peer_lists = _ping.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        both = (self._own().revoked, peer_lists.revoked)
        if both[0] != both[1] and self._mended.get(peer) != both:
            self._mended[peer] = both
            self._mend(peer.path, peer_lists.revocations, peer_lists.revoked)

    def _own(self) -> Ping:
        """Version and digest of my list, made anew when it has grown."""
        book = self._me.book.revocations
        if len(book) != self._counted:
            self._counted = len(book)
            self._lists = Ping(revocations=version_of(book), revoked=digest_of(book))
        return self._lists

    def _mend(self, path: LinkPath, version: int, digest: str) -> None:
        own = self._own()
        if REVOCATIONS not in path.capabilities or not own.revoked or digest == own.revoked:
            return
        # One that withholds may have left out any, so a peer of the same version may lack some.
        above = version if version < own.revocations else 0
        self._send(path, self._me.book.statements(above)[-MOST_SENT:])

    def tell(self, statement: Signed) -> None:
        """Pass on to every link what is new here."""
        self._counted = -1
        for peer in self._peers.open():
            if peer.path is not None and REVOCATIONS in peer.path.capabilities:
                self._send(peer.path, [statement])

    def receive(self, peer: LinkedPeer, frame: RevokedFrame) -> None:
        """Take what a peer sent; above its rate nothing is even read."""
        now = self._world.monotonic()
        rate = self._rates.get(peer)
        if rate is None:
            rate = self._rates[peer] = TokenBucket(BURST, 1.0, now)
        if not rate.take(now):
            return
        for statement in frame.revoked:
            if not self.take(statement):
                log.warning("%s sent a revocation that is not the owner's", peer.id)
                return

    def _send(self, path: LinkPath, statements: list[Signed]) -> None:
        with contextlib.suppress(EngineRefused):
            while statements:
                count = fitting(statements[:MAX_REVOKED], FRAME_BYTES)
                path.say(RevokedFrame(statements[:count]))
                statements = statements[count:]


def _ignore(_: Signed) -> bool:
    return True
