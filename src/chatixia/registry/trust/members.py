"""The members as this registry knows them: a mirror of the store, read on every call.

A chain that holds is listed only if neither its id nor its machine is revoked, and no other key
holds the name (``core.pins``, the same rules by which peers judge). The mirror lets each REST
call and claim see the current status without a read of the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import msgspec

from chatixia.core.delegation import withdrawn
from chatixia.core.handshake import check_login
from chatixia.core.membership import Member, approval, check_chain, check_member, trust_of
from chatixia.core.owners import is_owner_id, revoked_owner
from chatixia.core.pins import Verdict, decide, free_name, newer, pin_of, version_of
from chatixia.core.ports import Pin, Principal, Verify
from chatixia.core.record import key_id, read_record
from chatixia.core.task import RemovedParties
from chatixia.errors import MembershipExpired, NameTaken, Revoked, Unauthorized
from chatixia.ids import AgentId
from chatixia.store.control.rows import MemberRow, RevocationRow
from chatixia.store.control.store import Store
from chatixia.wire.registry import Serial
from chatixia.wire.signaling import Register
from chatixia.wire.signed import unb64
from chatixia.wire.trust import DEFAULT_NS, REGISTRY, Record, Revocation, Signed

PAGE = 200
REVOKED_AT_ONCE = 1024
SIGNED_AT_ONCE = 1000
UNLISTED = ("owner", "invitation", "client", "registry")
"""Kinds that have no row: they are known by their chain alone."""

_chain = msgspec.json.Decoder(list[Signed])


class KnownMember(msgspec.Struct):
    """A listed member: its row, its pin, its records and their bytes, leaf first."""

    row: MemberRow
    pin: Pin
    records: tuple[Record, ...]
    chain: tuple[Signed, ...]


class Members:
    """``load`` first; then ``prove`` a chain, ``accept`` it, ask what is ``current``."""

    def __init__(self, store: Store, mesh: str, owner: bytes, verify: Verify) -> None:
        self.mesh, self.owner = mesh, owner
        self._store, self._verify = store, verify
        self._members: dict[str, KnownMember] = {}
        self._writing = asyncio.Lock()
        self.revocations: dict[tuple[str, str], Revocation] = {}
        self._statements: list[tuple[int, Signed]] = []
        self._signers_revoked = False

    async def load(self) -> None:
        """Fill the mirror from the store."""
        after = ""
        while page := await self._store.members.page(DEFAULT_NS, after, PAGE):
            for row in page:
                self._learn(row)
            after = page[-1].id
        version = 0
        while revocations := await self._store.revocations.after(version):
            for revocation in revocations:
                self._learn_revocation(revocation)
            version = revocations[-1].version

    def _learn(self, row: MemberRow) -> None:
        chain = tuple(_chain.decode(row.chain))
        records = tuple(read_record(unb64(part.b)) for part in chain)
        self._members[row.id] = KnownMember(row, pin_of(records), records, chain)

    def _learn_revocation(self, row: RevocationRow) -> None:
        statement = msgspec.json.decode(row.statement, type=Signed)
        body = msgspec.json.decode(unb64(statement.b), type=Revocation)
        if newer(body, self.revocations.get((body.ns, body.id))):
            self.revocations[body.ns, body.id] = body
        signer = body.id == REGISTRY or is_owner_id(body.id)
        self._signers_revoked = self._signers_revoked or signer
        self._statements.append((body.version or row.version, statement))

    # ---- proving and listing

    def prove(self, chain: Sequence[Signed]) -> Member:
        """The member that a chain proves, neither over nor revoked. Raises as check_chain does."""
        now = self._store.now()
        member = check_chain(chain, mesh=self.mesh, now=now, verify=self._verify)
        return self._current(member, now)

    def prove_login(self, register: Register, nonce: bytes) -> Member:
        """The member that logs in over this socket's ``nonce``. Raises as check_login does, and
        Revoked."""
        now = self._store.now()
        member = check_login(register, mesh=self.mesh, nonce=nonce, now=now, verify=self._verify)
        return self._current(member, now)

    def _current(self, member: Member, now: float) -> Member:
        check_member(member, now, self.revocations)
        return member

    def judge(self, member: Member) -> list[MemberRow]:
        """The rows to write so that a proven member is listed. Raises NameTaken or BadChain."""
        rows = []
        for position in range(len(member.records) - 1, -1, -1):
            records = member.records[position:]
            if records[0].kind in UNLISTED:
                continue
            pin, listed = pin_of(records), self._members.get(records[0].id)
            if self._decide(pin, records, listed.pin if listed else None) != "same":
                rows.append(row_of(pin, records, member.chain[position:]))
        return rows

    def _decide(self, new: Pin, records: Sequence[Record], old: Pin | None) -> Verdict:
        with self._hinting():
            return decide(new, records, old)

    @contextmanager
    def _hinting(self) -> Iterator[None]:
        """Let a NameTaken say which name like it is free."""
        try:
            yield
        except NameTaken as error:
            name = error.agent or ""
            raise NameTaken(f"{error.message} {self._free(name)} is free.", agent=name) from None

    def _free(self, id_: str) -> AgentId:
        """A name like ``id_`` that nobody has, nor had until it was revoked."""
        return free_name(id_, {*self._members, *(name for _, name in self.revocations)})

    async def accept(self, member: Member) -> None:
        """List a proven member and its machine; no write when both are known."""
        if not self.judge(member):
            return
        async with self._writing:  # a second login may have been judged before the first wrote
            for row in self.judge(member):
                with self._hinting():
                    await self._store.members.put(row)
                self._learn(row)

    async def redeem(self, key: str, member: Member, origin: str, hostname: str) -> None:
        """A machine joins by the invitation of that key id.

        Raises BadInvitation, NameTaken, Revoked.
        """
        async with self._writing:
            self.judge(member)
            pin = pin_of(member.records)
            row = row_of(pin, member.records, member.chain, hostname)
            with self._hinting():
                await self._store.invitations.redeem(key, row, origin=origin)
            self._learn(row)

    async def approve(self, pairing: str, member: Member) -> None:
        """A machine that waited under that id is in, by the owner's own record or by the
        registry's.

        Raises Conflict, NameTaken, NotFound, Revoked.
        """
        async with self._writing:
            self._current(member, self._store.now())  # a withdrawal may have come first
            with self._hinting():
                self.judge(member)
            row = row_of(pin_of(member.records), member.records, member.chain)
            await self._store.pairings.approve(pairing, row)
            self._learn(row)

    async def revoke(self, row: RevocationRow) -> None:
        """Keep an owner's checked statement."""
        async with self._writing:
            self._learn_revocation(await self._store.revocations.put(row))

    async def forget(self, id_: str) -> list[str]:
        """A machine or agent left of its own will: it and what it signed are listed no more."""
        names = [k.row.id for k in self._members.values() if id_ in (k.row.id, k.pin.machine)]
        async with self._writing:
            for name in names:
                await self._store.members.remove(DEFAULT_NS, name)
                self._members.pop(name, None)
        return names

    async def drop_ended(self) -> None:
        """Forget ephemeral members whose records are over: their names are free again."""
        async with self._writing:
            while ended := await self._store.members.drop_ended():
                for name in ended:
                    self._members.pop(name, None)

    # ---- asking

    def revoked_since(self, version: int) -> list[Signed]:
        """Statements above the list's version that a member holds, at most 1,024."""
        return [signed for v, signed in self._statements if v > version][-REVOKED_AT_ONCE:]

    @property
    def list_version(self) -> int:
        """The highest version of the revocation list, 0 for none."""
        return version_of(self.revocations)

    def statement(self, id_: str) -> Signed | None:
        """The owner's newest revocation of an id."""
        revocation = self.revocations.get((DEFAULT_NS, id_))
        if revocation is None:
            return None
        newest = reversed(self._statements)
        return next((signed for v, signed in newest if v == revocation.version), None)

    def check(self, principal: Principal, serial: int) -> None:
        """Whether a credential issued at ``serial`` still speaks for its principal.

        Raises Revoked, MembershipExpired, Unauthorized.
        """
        if principal.kind == "owner":
            if (principal.ns, principal.id) in self.revocations:
                raise Revoked(f"The owner {principal.id} was revoked.", agent=principal.id)
            return
        for id_ in (principal.id, principal.machine):
            if id_ and self.is_revoked(principal.ns, id_):
                raise Revoked(f"{id_} was revoked by the owner.", agent=id_)
        listed_id = principal.machine if principal.kind in UNLISTED else principal.id
        entry = self._members.get(listed_id)
        if entry is None or (listed_id == principal.id and entry.pin.serial > serial):
            raise Unauthorized("The membership behind this credential is not current.")
        if any(r.not_after and self._store.now() > r.not_after for r in entry.records):
            raise MembershipExpired(agent=principal.id)

    def is_revoked(self, ns: str, id_: str) -> bool:
        """Whether an id is revoked and the owner did not name it again since, or lost whoever let
        it in: an owner who is revoked, or a registry from which that was withdrawn."""
        revocation, listed = self.revocations.get((ns, id_)), self._members.get(id_)
        if listed is not None and self._lost_its_signer(listed):
            return True
        if revocation is None:
            return False
        return listed is None or approval(listed.records) <= revocation.serial

    def _lost_its_signer(self, listed: KnownMember) -> bool:
        if not self._signers_revoked:
            return False
        if withdrawn(listed.records, self.revocations):
            return True
        return bool(revoked_owner(listed.records, listed.chain, self.revocations))

    def excluded_by_signer(self) -> list[str]:
        """Listed members whom a revoked owner let in, and whose records nobody kept; and those of
        a withdrawn delegation."""
        return [name for name, each in self._members.items() if self._lost_its_signer(each)]

    def delegated(self) -> int:
        """How many machines are in by way of a delegation."""
        return sum(
            each.row.kind == "machine" and trust_of(each.records) == REGISTRY
            for each in self._members.values()
            if not self.is_revoked(each.row.ns, each.row.id)
        )

    def signed_by(self, owner: str, others: Iterable[Sequence[Signed]]) -> list[Signed]:
        """Records that the owner of that id signed itself, in the chains of members and in
        ``others``; at most :data:`SIGNED_AT_ONCE`."""
        parts: dict[str, Signed] = {}
        for chain in (*others, *(each.chain for each in self._members.values())):
            for below, above in pairwise(chain):
                if read_record(unb64(above.b)).id == owner:
                    parts[below.b] = below
        return list(parts.values())[:SIGNED_AT_ONCE]

    def is_removed(self, ns: str, id_: str) -> bool:
        """Whether an id is revoked, or the machine that signed it."""
        listed = self._members.get(id_)
        machine = listed.pin.machine if listed is not None else ""
        return self.is_revoked(ns, id_) or (bool(machine) and self.is_revoked(ns, machine))

    def removed_parties(self, ids: Iterable[str]) -> RemovedParties:
        """``ids`` that are out, with every listed agent that such a machine signed."""
        parties = frozenset(ids)
        signed = {name for name, listed in self._members.items() if listed.pin.machine in parties}
        return RemovedParties(parties, parties | signed)

    def revoked_ids(self) -> list[str]:
        """The ids that are out now."""
        named = [id_ for ns, id_ in self.revocations if self.is_revoked(ns, id_)]
        return [*named, *self.excluded_by_signer()]

    async def serial(self, id_: str) -> Serial:
        """What a signer must know before it signs a record for ``id_``."""
        standing = await self._store.members.get(DEFAULT_NS, id_)
        row = standing.member
        revoked = self.is_revoked(DEFAULT_NS, id_) or standing.tombstone
        return Serial(
            id_,
            max(standing.serial, standing.revoked, 0),
            row.key if row else "",
            row.machine if row else "",
            revoked,
            self._free(id_),
            await self._store.keys.named(DEFAULT_NS, id_),
        )

    def highest(self, id_: str) -> int:
        """The serial of an id's listed record, 0 without one."""
        listed = self._members.get(id_)
        return listed.pin.serial if listed else 0

    def sign_key(self, name: str) -> bytes | None:
        """The raw signing key of a name's listed record, also of a revoked one."""
        listed = self._members.get(name)
        return listed.pin.sign if listed is not None else None

    def is_listed(self, name: str) -> bool:
        """Whether a name is a listed member's that nobody revoked, nor its machine."""
        row = self.holder(name)
        return row is not None and not (row.machine and self.is_revoked(row.ns, row.machine))

    def holder(self, name: str) -> MemberRow | None:
        """The listed member of a name, unless it is revoked."""
        listed = self._members.get(name)
        return (
            listed.row if listed is not None and not self.is_revoked(listed.row.ns, name) else None
        )


def row_of(
    pin: Pin, records: Sequence[Record], chain: Iterable[Signed], hostname: str = ""
) -> MemberRow:
    """A proven member as the store keeps it; ``chain``'s bytes as they came."""
    return MemberRow(
        pin.ns,
        pin.id,
        pin.kind,
        pin.serial,
        key_id(pin.sign),
        msgspec.json.encode(list(chain)),
        pin.machine,
        key_id(pin.signer),
        hostname,
        float(pin.not_after),
        records[0].ephemeral,
    )


def principal_for(member: Member, *, epoch: str = "", incarnation: str = "") -> Principal:
    """A proven member as the caller of verbs."""
    return Principal(
        AgentId(member.id),
        member.kind,
        member.ns,
        member.trust,
        "",
        str(member.machine or ""),
        epoch,
        incarnation,
        member.invitation,
    )
