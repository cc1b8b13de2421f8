"""Revocations that a registry or a peer passes on: what the owner did not sign does not count."""

from __future__ import annotations

import logging
from collections.abc import Callable

from chatixia.core.membership import check_chain, check_revoked
from chatixia.core.ports import LocalIdentity
from chatixia.core.record import read_record
from chatixia.core.revocation import check_revocation
from chatixia.errors import MeshError, Revoked
from chatixia.wire.signed import unb64
from chatixia.wire.trust import Signed

log = logging.getLogger("chatixia.peer")


class RevocationReceiver:
    """Verifies and keeps revocations. ``on_new(statement)``: one was kept that was not known.
    ``on_excluded(error)``: the owner has revoked this member, or its machine.
    """

    def __init__(
        self,
        me: LocalIdentity,
        on_new: Callable[[Signed], None],
        on_excluded: Callable[[Revoked], None],
    ) -> None:
        self._me, self._on_new, self._on_excluded = me, on_new, on_excluded

    def receive(self, statement: Signed) -> bool:
        """Take an owner's statement; one that the owner did not sign is ignored, and False."""
        me = self._me
        try:
            revocation = check_revocation(
                statement,
                mesh=me.mesh,
                owner=me.owner,
                verify=me.verify,
                revocations=me.book.revocations,
            )
            fresh = me.book.revoke(statement, revocation)
        except MeshError as error:
            log.warning("a revocation is ignored: %s", error)
            return False
        if fresh:
            log.info("%s is revoked by the owner", revocation.id)
            self._on_new(statement)
        if revocation.id in {read_record(unb64(part.b)).id for part in me.chain}:
            self._check_own_membership()
        return True

    def _check_own_membership(self) -> None:
        me = self._me
        try:
            chain = check_chain(me.chain, mesh=me.mesh, now=me.clock.now(), verify=me.verify)
            check_revoked(chain, me.book.revocations)
        except Revoked as error:
            self._on_excluded(error)
        except MeshError as error:
            log.debug("my own membership does not hold: %s", error)
