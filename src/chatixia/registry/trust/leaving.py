"""Out: an owner revokes an id by a signed statement; a machine or agent leaves of its own will."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from chatixia.core.membership import check_revocation
from chatixia.core.ports import Principal, Verify
from chatixia.core.task import RemovedParties
from chatixia.errors import Cancelled, MeshError, NotFound, Revoked
from chatixia.registry.call import Note, RequestContext
from chatixia.store.control.rows import RevocationRow
from chatixia.store.control.store import Store
from chatixia.wire.registry import Nothing, Serial
from chatixia.wire.signaling import RevokedPush
from chatixia.wire.trust import Done, Revoke

from .members import Members

log = logging.getLogger("chatixia.registry")

Drop = Callable[[MeshError, Callable[[Principal], bool]], None]
"""Closes the sockets of matching principals, telling them why."""


class LeaveService:
    """Verbs ``revoke``, ``leave``, ``serial``."""

    def __init__(
        self,
        store: Store,
        members: Members,
        verify: Verify,
        drop: Drop,
        tell: Callable[[msgspec.Struct], None],
        note: Note,
        gone: Callable[[str], None],
        end_work: Callable[[str, RemovedParties], Awaitable[None]],
    ) -> None:
        self._store, self._members, self._verify = store, members, verify
        self._drop, self._tell, self._note, self._gone = drop, tell, note, gone
        self._end_work = end_work

    async def revoke(self, call: RequestContext, request: Revoke) -> Done:
        """Keep an owner's statement, tell everyone, close what it names, end its work.

        Raises NotFound.
        """
        said = check_revocation(
            request.statement,
            mesh=self._members.mesh,
            owner=self._members.owner,
            verify=self._verify,
        )
        standing = await self._store.member(said.ns, said.id)
        if not standing.serial and standing.member is None:
            raise NotFound(f"No member is called {said.id}.", agent=said.id)
        row = RevocationRow(
            said.version,
            said.ns,
            said.id,
            said.serial,
            msgspec.json.encode(request.statement),
            msgspec.json.encode(request.signer),
            self._store.now(),
        )
        await self._members.revoke(row)
        log.info("revoked %s", said.id)
        self._tell(RevokedPush(request.statement, request.signer))
        self._drop(Revoked(agent=said.id), lambda p: said.id in (p.id, p.machine))
        self._gone(said.id)
        await self._note("agent", said.id, "revoked")
        await self._end_work(said.ns, self._members.gone([said.id]))
        return Done()

    async def leave(self, call: RequestContext, request: Nothing) -> Done:
        """The caller, and what its key signed, are listed no more."""
        me = call.who.id
        await self._members.forget(me)
        log.info("left %s", me)
        self._gone(me)
        await self._note("agent", me, "left the mesh")
        left = Cancelled(f"{me} left the mesh.")
        asyncio.get_running_loop().call_soon(  # after the reply, which goes by that very socket
            self._drop, left, lambda p: me in (p.id, p.machine)
        )
        return Done()

    async def serial(self, call: RequestContext, request: Serial) -> Serial:
        """What a signer must know before it signs a record."""
        return await self._members.serial(request.id)
