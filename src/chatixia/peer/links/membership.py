"""Links to members only: what is revoked or over is closed, and all links if nobody confirms me."""

from __future__ import annotations

import logging
from typing import Final

from chatixia.core.confirmation import check_confirmation
from chatixia.core.membership import check_member
from chatixia.core.pins import version_of
from chatixia.core.ports import LocalIdentity
from chatixia.errors import MembershipExpired, MeshError
from chatixia.wire.trust import Signed
from chatixia.world import World

from .effects import LinkEffects
from .peers import LinkedPeers

log = logging.getLogger("chatixia.peer")

PRUNE_SECONDS: Final = 3600.0


class MembershipCheck:
    """``ttl``: seconds that links live without the registry's confirmation; ``confirmed_at``: when
    it came last, on the world's monotonic clock."""

    def __init__(
        self, me: LocalIdentity, world: World, peers: LinkedPeers, effects: LinkEffects, ttl: float
    ) -> None:
        self._me, self._world, self._peers, self._effects = me, world, peers, effects
        self._ttl = ttl
        self.confirmed_at = self._pruned_at = world.monotonic()

    def confirm(self) -> None:
        """The registry took my login, or had it until now."""
        self.confirmed_at = self._world.monotonic()

    def learn(self, statement: Signed | None) -> None:
        """The registry shows the owner's newest word about the revocation list. It counts where I
        have that list: a word about a later one says that something is withheld."""
        if statement is None:
            return
        me = self._me
        try:
            word = check_confirmation(
                statement,
                mesh=me.mesh,
                owner=me.owner,
                verify=me.verify,
                revocations=me.book.revocations,
            )
        except MeshError as error:
            log.warning("a confirmation is ignored: %s", error)
            return
        if word.version > version_of(me.book.revocations):
            log.warning("the registry does not bring all revocations: %d are there", word.version)
            return
        me.book.confirm(word.issued)

    def _unconfirmed(self) -> bool:
        """Whether my membership was not confirmed for too long: by the owner's word, where there
        ever was one, whatever registry answers; else by a registry."""
        if self._me.book.confirmed:
            return self._me.clock.now() - self._me.book.confirmed > self._ttl
        unconfirmed = self._world.monotonic() - self.confirmed_at
        return not self._effects.signals.up and unconfirmed > self._ttl

    def _prune(self) -> None:
        """Once an hour, so that pins of all who came and went do not gather for as long as this
        process lives."""
        now = self._world.monotonic()
        if now - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = now
            try:
                self._me.book.prune(self._me.clock.now())
            except MeshError as error:
                log.warning("old pins are kept: %s", error)

    def recheck(self) -> None:
        """Close links to members that are revoked or over, all if nothing confirmed me for long."""
        self._prune()
        stale = self._unconfirmed()
        for peer in self._peers.open():
            if not peer.open or not peer.open.member:
                continue
            try:
                if stale:
                    raise MembershipExpired(
                        "Neither owner nor registry confirmed this membership for too long."
                    )
                check_member(peer.open.member, self._me.clock.now(), self._me.book.revocations)
            except MeshError as error:
                log.warning("closing the link to %s: %s", peer.id, error)
                self._effects.close(peer, error)
