"""Owners beside the first one: the chain that makes each is kept here, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from chatixia.errors import BadChain
from chatixia.registry.call import Handler, RequestContext
from chatixia.store.control.audit import concerns
from chatixia.store.control.rows import OwnerRow
from chatixia.store.control.store import Store
from chatixia.wire.trust import (
    DEFAULT_NS,
    OWNER,
    Done,
    OwnerInfo,
    OwnerPut,
    Owners,
    OwnersQuery,
    Signed,
)

from .delegating import DelegationService
from .members import Members

_chain = msgspec.json.Decoder(list[Signed])


class OwnerService:
    """Verbs ``owners.put``, ``owners.list``. ``chain``: the registry's own; ``delegation``: gives
    that of what it may sign."""

    def __init__(
        self,
        store: Store,
        members: Members,
        chain: Sequence[Signed],
        delegation: DelegationService,
    ) -> None:
        self._store, self._members, self._chain = store, members, list(chain)
        self._delegation = delegation

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"owners.put": self.put, "owners.list": self.every}

    async def put(self, call: RequestContext, request: OwnerPut) -> Done:
        """Keep an owner whom another signed. Raises BadChain, Conflict, Revoked."""
        member = self._members.prove(request.chain)
        if member.kind != "owner" or member.id == OWNER:
            raise BadChain(f"{member.id} is no owner beside the first one.")
        concerns(member.id)
        chain = msgspec.json.encode(request.chain)
        await self._store.owners.put(OwnerRow(member.ns, member.id, chain))
        return Done()

    async def every(self, call: RequestContext, query: OwnersQuery) -> Owners:
        """All owners, and the version of the revocation list."""
        rows = await self._store.owners.every(DEFAULT_NS)
        chains = [_chain.decode(row.chain) for row in rows]
        first = OwnerInfo(OWNER, self._chain[-1:], 0, self._is_revoked(OWNER))
        others = [
            OwnerInfo(row.id, chain, int(row.since), self._is_revoked(row.id))
            for row, chain in zip(rows, chains, strict=True)
        ]
        signed = []
        if query.signed_by:
            beside = [self._chain, self._delegation.chain, *chains]
            signed = self._members.signed_by(query.signed_by, beside)
        return Owners([first, *others], self._members.list_version, signed)

    def _is_revoked(self, id_: str) -> bool:
        return (DEFAULT_NS, id_) in self._members.revocations
