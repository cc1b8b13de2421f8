"""What an owner lets this registry sign: machines of some names and roles, until an end.

The registry's own record, by which it proves itself, stays as it is: the delegation is another
record of the same key, so that its end and its withdrawal are not the registry's (trust.md
section 1).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from chatixia.core.delegation import check_delegation, delegated_record, may_admit, not_delegated
from chatixia.core.membership import Member, check_chain, check_member
from chatixia.core.ports import Verify
from chatixia.core.record import sign_record
from chatixia.errors import BadChain, MeshError
from chatixia.identity import SignKey
from chatixia.registry.call import Handler, Note, RequestContext
from chatixia.store.control.audit import concerns
from chatixia.store.control.rows import PairingRow
from chatixia.store.control.store import Store
from chatixia.wire.registry import Nothing
from chatixia.wire.trust import DEFAULT_NS, REGISTRY, Delegate, Delegation, Done, Record, Signed

from .members import Members

log = logging.getLogger("chatixia.registry")


class DelegationService:
    """Verbs ``registry.delegate``, ``registry.delegation``. ``key``: this registry's own."""

    def __init__(
        self, store: Store, members: Members, verify: Verify, key: SignKey, note: Note
    ) -> None:
        self._store, self._members, self._verify = store, members, verify
        self._key, self._note = key, note
        self._delegation: Member | None = None

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"registry.delegate": self.put, "registry.delegation": self.get}

    @property
    def chain(self) -> Sequence[Signed]:
        """What this registry was given last, whether or not it still holds."""
        return self._delegation.chain if self._delegation else ()

    async def load(self) -> None:
        """Read what the store has."""
        if chain := await self._store.owners.delegation():
            self._delegation = check_chain(
                chain, mesh=self._members.mesh, now=0, verify=self._verify
            )

    async def put(self, call: RequestContext, request: Delegate) -> Done:
        """Keep what an owner lets this registry sign. Raises BadChain, MembershipExpired, Revoked,
        WrongMesh."""
        member = check_delegation(
            request.chain,
            registry=self._key.public,
            mesh=self._members.mesh,
            now=self._store.now(),
            verify=self._verify,
            revocations=self._members.revocations,
        )
        if member.serial <= self._serial():
            raise BadChain("A later delegation, or its withdrawal, is known.")
        names = " ".join(member.record.names)
        concerns(REGISTRY, detail=_terms(member.record))
        await self._store.owners.delegate(request.chain)
        self._delegation = member
        log.info("may let in %s", names)
        await self._note("delegation", REGISTRY, "delegated")
        return Done()

    async def get(self, call: RequestContext, request: Nothing) -> Delegation:
        """See :meth:`standing`."""
        return self.standing()

    def standing(self) -> Delegation:
        """What this registry may sign now, and how many came in that way."""
        serial, many, member = self._serial(), self._members.delegated(), self._in_force()
        if member is None:
            return Delegation(serial=serial, members=many)
        record = member.record
        return Delegation(
            list(member.chain), record.names, record.roles, record.not_after, serial, many
        )

    def admits(self, name: str) -> bool:
        """Whether this registry may let the machine ``name`` in now."""
        member = self._in_force()
        return member is not None and may_admit(member.record, name, self._store.now())

    async def admit(self, row: PairingRow) -> Member:
        """The machine of ``row``, signed by this registry. Raises Denied for what was not
        delegated, Revoked for a name that an owner revoked."""
        standing = await self._members.serial(row.name)
        member = self._in_force()
        if member is None:
            raise not_delegated(row.name)
        record = delegated_record(
            member.record,
            name=row.name,
            sign=row.sign,
            seal=row.seal,
            serial=standing.serial,
            now=self._store.now(),
        )
        return self._members.prove([sign_record(record, self._key.sign), *member.chain])

    def _in_force(self) -> Member | None:
        """The delegation that holds now: None for one that is over, withdrawn, or of an owner who
        was revoked since."""
        try:
            if self._delegation is not None:
                check_member(self._delegation, self._store.now(), self._members.revocations)
        except MeshError:
            return None
        return self._delegation

    def _serial(self) -> int:
        """The highest serial of a delegation that was held, or withdrawn."""
        ended = self._members.revocations.get((DEFAULT_NS, REGISTRY))
        return max(self._delegation.serial if self._delegation else 0, ended.serial if ended else 0)


def _terms(record: Record) -> str:
    """What a delegation lets its holder sign, as the audit log says it: its times are in UTC."""
    roles = f"; roles {' '.join(record.roles)}" if record.roles else ""
    end = datetime.fromtimestamp(record.not_after, UTC)
    return f"names {' '.join(record.names)}{roles}; until {end:%Y-%m-%d %H:%M:%S}"
