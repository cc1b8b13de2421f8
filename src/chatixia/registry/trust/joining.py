"""Invitations and joining: the owner puts a record here, a machine takes it, once.

The registry adds nobody: it checks that the owner signed the invitation and the invitation signed
the machine, enforces single use, and hands the invitation's bytes to who knows its key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from chatixia.core.invitation import check_invitation, check_join, check_redeem
from chatixia.core.membership import Member, check_member
from chatixia.core.ports import Verify
from chatixia.core.record import key_id, read_record
from chatixia.errors import (
    BadInvitation,
    MeshError,
    NameTaken,
    NotFound,
)
from chatixia.registry.call import Handler, Note, RegistryReach, RequestContext
from chatixia.registry.limits import RateLimits
from chatixia.registry.waiters import Waiters
from chatixia.store.control.audit import concerns
from chatixia.store.control.rows import InvitationRow
from chatixia.store.control.store import Store
from chatixia.wire import signed
from chatixia.wire.trust import (
    DEFAULT_NS,
    Done,
    Invitation,
    Invite,
    InviteEnd,
    InviteRef,
    Join,
    JoinBegin,
    Joined,
    JoinOffer,
    Signed,
)

from .members import Members
from .nonces import Nonces
from .proof import Proof

log = logging.getLogger("chatixia.registry")

MOST_VIA = 8

_chain = msgspec.json.Decoder(list[Signed])


def _serial(chain: bytes) -> int:
    return read_record(signed.unb64(_chain.decode(chain)[0].b)).serial


class JoinService:
    """Verbs ``invite.put``, ``invite.get``, ``invite.end``, ``join.begin``, ``join``."""

    def __init__(
        self,
        store: Store,
        members: Members,
        nonces: Nonces,
        proof: Proof,
        verify: Verify,
        failures: RateLimits,
        reach: RegistryReach,
        learn: Callable[[list[str]], None],
        note: Note,
    ) -> None:
        self._store, self._members, self._nonces = store, members, nonces
        self._proof, self._verify, self._failures = proof, verify, failures
        self._reach, self._learn, self._note = reach, learn, note
        self.waiters = Waiters()

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "invite.put": self.put,
            "invite.get": self.get,
            "invite.end": self.end,
            "join.begin": self.begin,
            "join": self.join,
        }

    def close(self) -> None:
        """Answer all that wait for an invitation: this registry stops."""
        self.waiters.close()

    async def put(self, call: RequestContext, request: Invite) -> Done:
        """Keep an owner-signed invitation. Raises NameTaken for the name of a living member, or
        of an API key."""
        member = check_invitation(
            request.chain, mesh=self._members.mesh, now=self._store.now(), verify=self._verify
        )
        concerns(member.id)
        holder = self._members.holder(member.id)
        if holder is not None and member.serial <= holder.serial:
            raise NameTaken(f"{member.id} is a member already.", agent=member.id)
        if await self._store.keys.named(member.ns, member.id):
            raise NameTaken(f"The name {member.id} belongs to an API key.", agent=member.id)
        await self._store.invitations.put(
            InvitationRow(
                key_id(member.sign),
                member.ns,
                member.id,
                msgspec.json.encode(request.chain),
                float(member.record.redeem_by),
                member.record.reusable,
                member.record.ephemeral,
                self._store.now(),
                most=member.record.most,
            )
        )
        self._reached_by(request.via)
        return Done()

    def _reached_by(self, via: list[str]) -> None:
        """The owner named URLs of a tunnel or proxy: its host name is ours from now on."""
        new = [url for url in via if "://" in url and url not in self._reach.via]
        if new:
            self._reach.via = [*self._reach.via, *new][-MOST_VIA:]
            self._learn(self._reach.via)

    async def get(self, call: RequestContext, request: InviteRef) -> Invitation:
        """One invitation; with ``wait_ms`` the answer waits until it is redeemed."""
        row = await self.waiters.read(
            request.key,
            request.wait_ms / 1000,
            lambda: self._row(request.key),
            lambda row: row.state(self._store.now()) == "waiting",
        )
        return Invitation(
            row.key,
            row.names,
            row.state(self._store.now()),
            int(row.redeem_by),
            row.joined,
            row.joined_from,
        )

    async def end(self, call: RequestContext, request: InviteEnd) -> InviteEnd:
        """Withdraw what waits under a name: nobody joins with it any more."""
        rows = await self._store.invitations.withdraw(DEFAULT_NS, request.names, _serial)
        for row in rows:
            self.waiters.wake(row.key)
            await self._note("invitation", row.names, "withdrawn")
        return InviteEnd(request.names, len(rows))

    async def _row(self, key: str) -> InvitationRow:
        row = await self._store.invitations.get(key)
        if row is None:
            raise NotFound("This invitation is unknown.")
        return row

    async def begin(self, call: RequestContext, request: JoinBegin) -> JoinOffer:
        """The invitation's record for who knows its key, with the registry's proof."""
        try:
            row = await self._store.invitations.get(key_id(signed.unb64(request.key)))
            if row is None or row.state(self._store.now()) in ("expired", "withdrawn"):
                raise BadInvitation
            proof = self._proof.over(request.nonce, call.listener)
        except MeshError:
            self._failed(call)
            raise
        standing = await self._members.serial(row.names) if not row.reusable else None
        return JoinOffer(
            _chain.decode(row.chain),
            self._proof.chain,
            proof,
            self._nonces.give(),
            self._store.now(),
            standing.serial if standing else 0,
            self._reach.urls(call.local),
        )

    async def join(self, call: RequestContext, request: Join) -> Joined:
        """A machine with a record that the invitation signed becomes a member, once."""
        try:
            name = await self._join(call, request)
        except MeshError:
            self._failed(call)
            raise
        log.info("joined %s from %s", name, call.address)
        return Joined(name, self._store.now(), self._reach.urls(call.local))

    async def _join(self, call: RequestContext, request: Join) -> str:
        if not self._nonces.take(request.nonce):
            raise BadInvitation("The nonce is not fresh; begin again.")
        now = self._store.now()
        member = check_join(
            request.chain,
            signed.unb64(request.sig),
            signed.unb64(request.nonce),
            mesh=self._members.mesh,
            now=now,
            verify=self._verify,
        )
        check_member(member, now, self._members.revocations)
        concerns(member.id, actor=member.id, kind=member.kind)
        key = key_id(member.signer)
        await self._check_unused(key, member)
        await self._members.redeem(key, member, call.address, request.hostname)
        self.waiters.wake(key)
        await self._note("invitation", member.id, "redeemed")
        return member.id

    async def _check_unused(self, key: str, member: Member) -> None:
        """Say that an invitation is used before anything of the name it gave; the store decides.

        The same machine may come again: its first answer was lost.
        """
        row = await self._store.invitations.get(key)
        if row is None:
            raise BadInvitation
        if row.state(self._store.now()) == "withdrawn":
            raise BadInvitation("The owner withdrew this invitation.")
        used = row.joined_key not in ("", key_id(member.sign))
        check_redeem(member.records[1], used=used, now=self._store.now())

    def _failed(self, call: RequestContext) -> None:
        """Count a failure against its address, once the credential was judged.

        Nobody's guesses keep an honest join out, of the same address neither: a guesser
        only hears `busy` in place of the reason (trust.md section 4). Raises Overloaded.
        """
        self._failures.check(call.address)
        self._failures.failed(call.address)
