"""Links to members only: what is revoked or over is closed, and all links if nobody confirms me."""

from __future__ import annotations

import logging

from chatixia.core.membership import check_member
from chatixia.core.ports import LocalIdentity
from chatixia.errors import MembershipExpired, MeshError
from chatixia.world import World

from .effects import LinkEffects
from .peers import LinkedPeers

log = logging.getLogger("chatixia.peer")


class MembershipCheck:
    """``ttl``: seconds that links live without the registry's confirmation; ``confirmed_at``: when
    it came last, on the world's monotonic clock."""

    def __init__(
        self, me: LocalIdentity, world: World, peers: LinkedPeers, effects: LinkEffects, ttl: float
    ) -> None:
        self._me, self._world, self._peers, self._effects = me, world, peers, effects
        self._ttl = ttl
        self.confirmed_at = world.monotonic()

    def confirm(self) -> None:
        """The registry took my login, or had it until now."""
        self.confirmed_at = self._world.monotonic()

    def recheck(self) -> None:
        """Close links to members that are revoked or over, all if nothing confirmed me for long."""
        unconfirmed = self._world.monotonic() - self.confirmed_at
        stale = not self._effects.signals.up and unconfirmed > self._ttl
        for peer in self._peers.open():
            if not peer.open or not peer.open.member:
                continue
            try:
                if stale:
                    raise MembershipExpired("No registry confirmed this membership for too long.")
                check_member(peer.open.member, self._me.clock.now(), self._me.book.revocations)
            except MeshError as error:
                log.warning("closing the link to %s: %s", peer.id, error)
                self._effects.close(peer, error)
