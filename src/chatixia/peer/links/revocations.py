"""The owner's revocations from peer to peer, so that a registry that withholds one is caught.

`hello` says which list each end has. Whoever has another sends what the other may lack, and what is
new to somebody goes on to all its links at once: one informed peer informs the mesh
(trust.md section 1). Each end verifies the owner's signature by itself.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from chatixia.core.capabilities import REVOCATIONS
from chatixia.core.pins import digest_of, version_of
from chatixia.core.ports import LocalIdentity
from chatixia.core.rates import TokenBucket
from chatixia.peer.engines.base import EngineRefused
from chatixia.wire.peer import MAX_REVOKED, Hello, RevokedFrame
from chatixia.wire.trust import Signed
from chatixia.world import World

from .path import LinkPath
from .peers import LinkedPeer, LinkedPeers

log = logging.getLogger("chatixia.peer")

MOST_SENT: Final = 256
"""Statements that one end sends after `hello`, the newest."""
BURST: Final = 64
"""Frames of statements that one peer may send at once; one more each second."""


class RevocationExchange:
    """``take``: gets a statement of a peer, verifies and keeps it; False if it does not hold."""

    def __init__(self, me: LocalIdentity, world: World, peers: LinkedPeers) -> None:
        self.take: Callable[[Signed], bool] = _ignore
        self._me, self._world, self._peers = me, world, peers
        self._rates: WeakKeyDictionary[LinkedPeer, TokenBucket] = WeakKeyDictionary()

    def compare(self, path: LinkPath, hello: Hello) -> None:
        """A path opened: send what its peer may lack, if it has another list than I."""
        book = self._me.book
        if REVOCATIONS not in path.capabilities or not book.revocations:
            return
        if hello.revoked == digest_of(book.revocations):
            return
        # One that withholds may have left out any, so a peer of the same version may lack some.
        above = hello.revocations if hello.revocations < version_of(book.revocations) else 0
        self._send(path, book.statements(above)[-MOST_SENT:])

    def tell(self, statement: Signed) -> None:
        """Pass on to every link what is new here."""
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
            for start in range(0, len(statements), MAX_REVOKED):
                path.say(RevokedFrame(statements[start : start + MAX_REVOKED]))


def _ignore(_: Signed) -> bool:
    return True
