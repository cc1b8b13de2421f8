"""Out: an owner revokes an id by a signed statement; a machine or agent leaves of its own will."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from chatixia.core.owners import is_owner_id
from chatixia.core.ports import Principal, Verify
from chatixia.core.revocation import check_revocation
from chatixia.core.task import RemovedParties
from chatixia.errors import Cancelled, MeshError, NotFound, Revoked
from chatixia.registry.call import Handler, Note, RequestContext
from chatixia.store.control.audit import concerns
from chatixia.store.control.rows import RevocationRow
from chatixia.store.control.store import Store
from chatixia.wire.registry import Nothing, Serial
from chatixia.wire.signaling import RevokedPush
from chatixia.wire.trust import OWNER, REGISTRY, Done, Revocation, Revoke

from .members import Members

log = logging.getLogger("chatixia.registry")

WITHDRAWN: Final = "what was delegated to it"
"""In the audit log: the registry itself is not over."""

Drop = Callable[[MeshError, Callable[[Principal], bool]], None]
"""Closes the sockets of matching principals, telling them why."""


class LeaveEffects(NamedTuple):
    """What a revocation or a leaving causes in the other parts.

    ``drop`` closes sockets; ``broadcast`` sends a message to every login; ``note`` keeps an event;
    ``unlist`` takes an id and its agents out of the directory; ``end_work`` ends the tasks of
    removed parties in a namespace.
    """

    drop: Drop
    broadcast: Callable[[msgspec.Struct], None]
    note: Note
    unlist: Callable[[str], None]
    end_work: Callable[[str, RemovedParties], Awaitable[None]]


class LeaveService:
    """Verbs ``revoke``, ``leave``, ``serial``."""

    def __init__(
        self,
        store: Store,
        members: Members,
        verify: Verify,
        effects: LeaveEffects,
    ) -> None:
        self._store, self._members, self._verify = store, members, verify
        self._effects = effects

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "revoke": self.revoke,
            "leave": self.leave,
            "serial": self.serial,
        }

    async def revoke(self, call: RequestContext, request: Revoke) -> Done:
        """Keep an owner's statement, tell everyone, close what it names, end its work.

        Raises NotFound.
        """
        revocation = check_revocation(
            request.statement,
            mesh=self._members.mesh,
            owner=self._members.owner,
            verify=self._verify,
            revocations=self._members.revocations,
        )
        concerns(revocation.id, detail=WITHDRAWN if revocation.id == REGISTRY else "")
        if is_owner_id(revocation.id):
            await self._check_owner(revocation)
        row = RevocationRow(
            revocation.version,
            revocation.ns,
            revocation.id,
            revocation.serial,
            msgspec.json.encode(request.statement),
            msgspec.json.encode(request.signer),
            self._store.now(),
        )
        before = {*self._members.excluded_by_signer()}
        await self._members.revoke(row)
        log.info("revoked %s", revocation.id)
        self._effects.broadcast(RevokedPush(request.statement, request.signer))
        below = [name for name in self._members.excluded_by_signer() if name not in before]
        if revocation.id == REGISTRY:
            await self._effects.note("delegation", REGISTRY, "withdrawn")
            withdrawn = Revoked(
                "The owner withdrew from the registry what let you in.", agent=REGISTRY
            )
            await self._remove(revocation.ns, below, withdrawn)
        else:
            await self._remove(revocation.ns, [revocation.id, *below], Revoked(agent=revocation.id))
        return Done()

    async def _check_owner(self, revocation: Revocation) -> None:
        """Raises NotFound for an owner whom nobody added."""
        owner = await self._store.owners.get(revocation.ns, revocation.id)
        if owner is None and revocation.id != OWNER:
            raise NotFound(f"No owner is called {revocation.id}.")

    async def _remove(self, ns: str, ids: list[str], error: Revoked) -> None:
        removed = frozenset(ids)
        self._effects.drop(error, lambda p: p.id in removed or (p.machine or "") in removed)
        for name in ids:
            self._effects.unlist(name)
            await self._effects.note("agent", name, "revoked")
        await self._effects.end_work(ns, self._members.removed_parties(ids))

    async def leave(self, call: RequestContext, request: Nothing) -> Done:
        """The caller, and what its key signed, are listed no more."""
        me = call.caller.id
        concerns(me)
        await self._members.forget(me)
        log.info("left %s", me)
        self._effects.unlist(me)
        await self._effects.note("agent", me, "left the mesh")
        left = Cancelled(f"{me} left the mesh.")
        asyncio.get_running_loop().call_soon(  # after the reply, which goes by that very socket
            self._effects.drop, left, lambda p: me in (p.id, p.machine)
        )
        return Done()

    async def serial(self, call: RequestContext, request: Serial) -> Serial:
        """What a signer must know before it signs a record."""
        return await self._members.serial(request.id)
