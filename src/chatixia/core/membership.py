"""Who is a member: walks a chain of records from a leaf to the mesh's owner (trust.md section 1).

owner -> invitation, machine, registry; invitation -> machine; a registry to which the owner
delegated that -> machine; machine -> agent, client. At every step: the signer's key id stands in
``by``, the namespace is equal, roles and names only narrow, the id is one the signer may name, the
end is no later, and the signature covers the exact bytes that came. Crypto, time and nonces are
arguments; nothing here signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from chatixia.errors import (
    BadChain,
    BadRequest,
    MembershipExpired,
    Revoked,
    WrongMesh,
)
from chatixia.ids import AgentId
from chatixia.wire import signed
from chatixia.wire.trust import (
    MAX_CHAIN,
    MAX_CHAIN_BYTES,
    OWNER,
    REGISTRY,
    Kind,
    Record,
    Signed,
)

from .owners import may_add, revoked_owner
from .patterns import covers, narrower
from .ports import RevocationBook, Verify
from .record import SIGNS, key_id, mesh_of, read_record

Trust = Literal["owner", "registry", "unverified"]
"""Who vouches for somebody: the owner's key, the registry to which the owner delegated that, or
nobody: an API key, a described peer, and whatever the queue brings."""
NO_REVOCATIONS: Final[RevocationBook] = {}


class Member(msgspec.Struct, frozen=True):
    """A principal whose chain held when it was checked.

    ``sign``: raw Ed25519 key; ``seal``: raw X25519 key, empty for a registry. ``machine``: the
    id of the machine that signed it (a machine's own id; else empty). ``signer``: raw key that
    signed the leaf. ``not_after``: mesh seconds, 0 for none. ``owner``: raw owner key.
    ``records``: the whole chain read, leaf first, as ``chain`` is. ``trust``: who let it in, the
    ``owner``, or the ``registry`` to which the owner delegated that (:mod:`core.delegation`).
    """

    id: AgentId
    kind: Kind
    ns: str
    mesh: str
    roles: tuple[str, ...]
    sign: bytes
    seal: bytes
    serial: int
    machine: AgentId | None
    signer: bytes
    owner: bytes
    not_after: int
    record: Record
    records: tuple[Record, ...]
    chain: tuple[Signed, ...]
    trust: Trust

    @property
    def invitation(self) -> str:
        """Key id of the reusable invitation, or of the registry, that let the machine in, or "":
        whoever has that key can let in many, and all of them have one share."""
        signed_in = (r for r in self.records if r.reusable or r.kind == "registry")
        return next((str(key_id(signed.unb64(r.sign))) for r in signed_in), "")


def check_chain(
    chain: Sequence[Signed], *, mesh: str, now: float, verify: Verify, ns: str | None = None
) -> Member:
    """The member that ``chain`` (leaf first, owner's record last) proves.

    ``mesh``: the mesh id that it must lead to; ``ns``: the namespace it must be in, None for any.
    ``now``: mesh seconds. Raises WrongMesh for another mesh, MembershipExpired for one that is
    over, BadChain for all else. Revocations and pins are asked after: :func:`check_revoked`,
    :mod:`chatixia.core.pins`.
    """
    if not 1 <= len(chain) <= MAX_CHAIN:
        raise BadChain(f"A membership has 1 to {MAX_CHAIN} records, not {len(chain)}.")
    if sum(len(part.b) + len(part.s) for part in chain) > MAX_CHAIN_BYTES:
        raise BadChain(f"A membership has at most {MAX_CHAIN_BYTES} bytes.")
    bodies = [_unb64(part.b) for part in chain]
    records = tuple(read_record(body) for body in bodies)
    _check_mesh(records, mesh)
    signers = (*records[1:], records[-1])
    for child, signer in zip(records[:-1], signers, strict=False):
        _check_step(child, signer)
    for part, body, child, signer in zip(chain, bodies, records, signers, strict=True):
        if not verify(signed.unb64(signer.sign), signed.MEMBER, body, _unb64(part.s)):
            raise BadChain(f"The record of {child.id} is not signed by {signer.id}.")
    if ns is not None and records[0].ns != ns:
        raise BadChain(f"{records[0].id} is of namespace {records[0].ns}, not {ns}.")
    _check_time(records, now)
    return _member(records, chain)


def may_name(signer: Record, name: str) -> bool:
    """Whether ``signer`` may sign a record for the id ``name``.

    An id with ``~`` is signed by the machine whose own id stands before it and by nobody else:
    whatever ``names`` says, no machine makes a client of another.
    """
    stem, mark, _ = name.partition("~")
    if mark:
        return signer.kind == "machine" and stem == signer.id
    if signer.kind == "invitation" and not covers(signer.id, name):
        return False
    return any(covers(pattern, name) for pattern in signer.names)


def check_member(member: Member, now: float, revocations: RevocationBook) -> None:
    """What can change after a chain held: its end and the revocations; before each use.

    Raises MembershipExpired or Revoked.
    """
    _check_time(member.records, now)
    check_revoked(member, revocations)


def check_revoked(member: Member, revocations: RevocationBook) -> None:
    """Refuse a member that is out, or whose machine is. Raises Revoked.

    A revoked id is a tombstone: a higher serial alone does not bring it back, only a record by
    which the owner names that very id again, made after the revocation (:func:`approval`).
    """
    if owner := revoked_owner(member.records, member.chain, revocations):
        what = "" if owner == member.id else f", the owner who let {member.id} in,"
        raise Revoked(f"{owner}{what} was revoked.", agent=member.id)
    for position, record in enumerate(member.records):
        if record.kind in ("invitation", "owner"):
            continue
        revoked = revocations.get((record.ns, record.id))
        if revoked is not None and approval(member.records[position:]) <= revoked.serial:
            raise _revoked(member, record)


def _revoked(member: Member, record: Record) -> Revoked:
    if record.kind == "registry":
        return Revoked(
            f"The owner withdrew from the registry what let {member.id} in.", agent=record.id
        )
    return Revoked(f"{record.id} was revoked by the owner.", agent=record.id)


def revoked(member: Member, revocations: RevocationBook) -> bool:
    """Whether :func:`check_revoked` would refuse."""
    try:
        check_revoked(member, revocations)
    except Revoked:
        return True
    return False


def approval(records: Sequence[Record]) -> int:
    """The serial under which the owner itself named the leaf of ``records``; -1 if it never did.

    By a record of its own, or by an invitation for that one name.
    """
    signers = [record for record in records if record.kind != "owner"]
    if len(signers) == 1:
        return signers[0].serial
    if len(signers) == 2 and signers[1].kind == "invitation" and not signers[1].reusable:
        return signers[1].serial
    return -1


def trust_of(records: Sequence[Record]) -> Trust:
    """Who let the leaf of a checked chain in."""
    return REGISTRY if any(record.kind == REGISTRY for record in records[1:]) else "owner"


def _unb64(text: str) -> bytes:
    try:
        return signed.unb64(text)
    except BadRequest:
        raise BadChain("A record is not base64url.") from None


def _check_mesh(records: Sequence[Record], mesh: str) -> None:
    for record in records:
        if record.mesh != mesh:
            raise WrongMesh(f"{record.id} belongs to another mesh.")
    root = records[-1]
    if root.kind != "owner" or root.id != OWNER or mesh_of(signed.unb64(root.sign)) != mesh:
        raise BadChain("The membership does not end at the mesh's owner.")
    if root.by != key_id(signed.unb64(root.sign)):
        raise BadChain("The owner's record is not signed by the owner.")


def _check_step(child: Record, signer: Record) -> None:
    """One step of trust.md section 1: may ``signer`` sign this ``child``?"""
    if child.kind not in SIGNS.get(signer.kind, ()):
        raise BadChain(f"A {signer.kind} may not sign a {child.kind}.")
    if child.by != key_id(signed.unb64(signer.sign)):
        raise BadChain(f"{child.id} names another signer than {signer.id}.")
    if child.ns != signer.ns:
        raise BadChain(f"{child.id} is of another namespace than {signer.id}.")
    if child.kind == "invitation":
        _check_invited(child, signer)
    elif child.kind == "owner":
        if not may_add(signer.id, child.id):
            raise BadChain(f"{signer.id} may not make {child.id} an owner.")
    elif signer.kind == "invitation" and child.serial <= signer.serial:
        # So a later approval of the owner always stands above all that this one signed.
        raise BadChain(f"{child.id} has a serial that is not above its invitation's.")
    elif not may_name(signer, child.id) or (child.kind == "agent" and child.id == signer.id):
        allowed = " ".join(signer.names) or "nobody"
        raise BadChain(f"{signer.id} may not sign the name {child.id}: it signs {allowed}.")
    _check_bounds(child, signer)


def _check_invited(child: Record, signer: Record) -> None:
    if not any(narrower(child.id, bound) for bound in signer.names):
        raise BadChain(f"{signer.id} may not invite {child.id}.")


def _check_bounds(child: Record, signer: Record) -> None:
    if "*" not in signer.roles and not set(child.roles) <= set(signer.roles):
        raise BadChain(f"{child.id} has roles that {signer.id} has not.")
    if not all(any(narrower(name, bound) for bound in signer.names) for name in child.names):
        raise BadChain(f"{child.id} may sign names that {signer.id} may not.")
    if signer.not_after and not 0 < child.not_after <= signer.not_after:
        raise BadChain(f"{child.id} ends later than {signer.id}.")
    if signer.ephemeral and not child.ephemeral:
        raise BadChain(f"{child.id} is not ephemeral as {signer.id} is.")


def _check_time(records: Iterable[Record], now: float) -> None:
    for record in records:
        if record.not_after and now > record.not_after:
            raise MembershipExpired(f"The membership of {record.id} has expired.", agent=record.id)


def _member(records: tuple[Record, ...], chain: Sequence[Signed]) -> Member:
    leaf, signer = records[0], records[1] if len(records) > 1 else records[0]
    machine = next((record.id for record in records if record.kind == "machine"), None)
    return Member(
        id=AgentId(leaf.id),
        kind=leaf.kind,
        ns=leaf.ns,
        mesh=leaf.mesh,
        roles=tuple(leaf.roles),
        sign=signed.unb64(leaf.sign),
        seal=signed.unb64(leaf.seal),
        serial=leaf.serial,
        machine=AgentId(machine) if machine else None,
        signer=signed.unb64(signer.sign),
        owner=signed.unb64(records[-1].sign),
        not_after=leaf.not_after,
        record=leaf,
        records=records,
        chain=tuple(chain),
        trust=trust_of(records),
    )
