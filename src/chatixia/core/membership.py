"""Who is a member: walks a chain of records from a leaf to the mesh's owner (trust.md section 1).

owner -> invitation, machine, registry; invitation -> machine; a registry to which the owner
delegated that -> machine; machine -> agent, client. At every step: the signer's key id stands in
``by``, the namespace is equal, roles and names only narrow, the id is one the signer may name, the
end is no later, and the signature covers the exact bytes that came. Crypto, time and nonces are
arguments; nothing here signs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from chatixia.errors import (
    BadChain,
    BadInvitation,
    BadRequest,
    BadSignature,
    MembershipExpired,
    MeshError,
    Revoked,
    WrongMesh,
)
from chatixia.ids import AgentId, is_agent_id, is_client_id
from chatixia.wire import signed
from chatixia.wire.trust import (
    MAX_CHAIN,
    MAX_CHAIN_BYTES,
    OWNER,
    REGISTRY,
    Kind,
    Record,
    Revocation,
    Signed,
)

from .delegation import Trust, flaw, trust_of
from .owners import is_owner_id, may_add, may_revoke, revoked_owner
from .patterns import covers, is_pattern, is_role, narrower
from .ports import RevocationBook, Verify

SIGNS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "owner": ("invitation", "machine", "registry", "owner"),
    "invitation": ("machine",),
    "registry": ("machine",),
    "machine": ("agent", "client"),
}
"""kind -> kinds that it may sign; any other kind signs nothing."""
SEALS: Final[tuple[Kind, ...]] = ("machine", "agent", "client")
"""Kinds with a sealing key of their own."""
KEY_BYTES: Final = 32
NO_REVOCATIONS: Final[RevocationBook] = {}

_MESH = re.compile(r"[0-9a-f]{64}\Z")
_NS = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")


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


def read_record(body: bytes) -> Record:
    """A record's body by itself: its shape and what its kind demands. Raises BadChain."""
    try:
        record = _RECORD.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadChain("A record is malformed.") from None
    if flaw := _wrong(record):
        raise BadChain(f"A record {flaw}.")
    return record


def record_body(record: Record) -> bytes:
    """The bytes to sign under ``signed.MEMBER``, once; afterwards they are only copied."""
    return msgspec.json.encode(record)


def sign_record(record: Record, sign: Callable[[str, bytes], bytes]) -> Signed:
    """``record`` signed by ``sign(context, data)``, the effect that the caller brings."""
    body = record_body(record)
    return Signed(signed.b64(body), signed.b64(sign(signed.MEMBER, body)))


def key_id(public: bytes) -> str:
    """First 16 hex characters of SHA-256 of a raw public key, as ``by`` holds it."""
    return hashlib.sha256(public).hexdigest()[:16]


def mesh_of(owner: bytes) -> str:
    """The mesh id that an owner's raw public key makes."""
    return hashlib.sha256(owner).hexdigest()


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


def signing_owner(
    signer: Sequence[Signed] | msgspec.UnsetType,
    *,
    mesh: str,
    owner: bytes,
    verify: Verify,
    revocations: RevocationBook,
) -> tuple[str, bytes]:
    """Id and raw key of the owner who signed a statement: the first one, whose key is ``owner``, or
    the one whose chain came along. Raises BadSignature, Revoked."""
    if not signer:
        if any(id_ == OWNER for _, id_ in revocations):
            raise Revoked(f"{OWNER} was revoked.", agent=OWNER)
        return OWNER, owner
    try:
        member = check_chain(signer, mesh=mesh, now=0, verify=verify)
    except MeshError as error:
        raise BadSignature(f"A statement is not an owner's: {error.message}") from None
    if member.kind != "owner":
        raise BadSignature(f"A statement is signed by {member.id}, which is no owner.")
    check_revoked(member, revocations)
    return member.id, member.sign


def check_revocation(
    statement: Signed,
    *,
    mesh: str,
    owner: bytes,
    verify: Verify,
    revocations: RevocationBook = NO_REVOCATIONS,
) -> Revocation:
    """The revocation that ``statement`` is, signed by the raw ``owner`` key, or by another owner
    whom ``revocations`` do not name.

    Raises BadSignature (forged, malformed, or of an owner who stands above the signer), Revoked or
    WrongMesh. Whether it is new, and higher than what is kept, is
    :func:`chatixia.core.pins.newer`'s.
    """
    try:
        body, signature = signed.unb64(statement.b), signed.unb64(statement.s)
        revocation = _REVOCATION.decode(body)
    except (BadRequest, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadSignature("A revocation is malformed.") from None
    if revocations.get((revocation.ns, revocation.id)) == revocation:
        revocations = NO_REVOCATIONS  # by which an owner ended itself, heard again
    signer, key = signing_owner(
        revocation.signer, mesh=mesh, owner=owner, verify=verify, revocations=revocations
    )
    if not verify(key, signed.REVOKE, body, signature):
        raise BadSignature("A revocation is not signed by the owner.")
    if revocation.mesh != mesh:
        raise WrongMesh("A revocation is of another mesh.")
    if is_owner_id(revocation.id) and not may_revoke(signer, revocation.id):
        raise BadSignature(f"{signer} does not stand above {revocation.id}.")
    return revocation


def sign_revocation(revocation: Revocation, sign: Callable[[str, bytes], bytes]) -> Signed:
    """``revocation`` signed by ``sign(context, data)``."""
    body = msgspec.json.encode(revocation)
    return Signed(signed.b64(body), signed.b64(sign(signed.REVOKE, body)))


def check_invitation(chain: Sequence[Signed], *, mesh: str, now: float, verify: Verify) -> Member:
    """What ``invite.put`` takes: [invitation, owner], not over, still redeemable.

    Raises what :func:`check_chain` does, and BadInvitation.
    """
    member = check_chain(chain, mesh=mesh, now=now, verify=verify)
    if member.kind != "invitation":
        raise BadInvitation("This record is no invitation.")
    if member.record.redeem_by <= now:
        raise BadInvitation("This invitation has run out.")
    return member


def check_redeem(invitation: Record, *, used: bool, now: float) -> None:
    """Whether an invitation may be redeemed at mesh time ``now``: the registry alone asks this.

    ``used``: it was redeemed before (by another key). Raises BadInvitation.
    """
    if used and not invitation.reusable:
        raise BadInvitation("This invitation was used already.")
    if now > invitation.redeem_by:
        raise BadInvitation("This invitation has run out.")


def used_up(most: int) -> BadInvitation:
    """The refusal of an invitation that let in as many machines as its owner said."""
    return BadInvitation(f"This invitation was for {most} machines, and all have joined.")


def check_join(
    chain: Sequence[Signed], sig: bytes, nonce: bytes, *, mesh: str, now: float, verify: Verify
) -> Member:
    """The machine that a ``join`` brings: [machine, invitation, owner] and proof of its key.

    ``nonce``: the registry's own, single use. Raises what :func:`check_chain` does, and
    BadSignature. The caller then asks :func:`check_redeem`, tombstones and pins.
    """
    member = check_chain(chain, mesh=mesh, now=now, verify=verify)
    if member.kind != "machine" or member.records[1].kind != "invitation":
        raise BadChain("Only a machine's record, signed by an invitation, can join.")
    proof = signed.join(mesh=mesh, name=member.id, nonce=nonce)
    if not verify(member.sign, signed.JOIN, proof, sig):
        raise BadSignature(f"{member.id} did not prove its key.")
    return member


_RECORD = msgspec.json.Decoder(Record)
_REVOCATION = msgspec.json.Decoder(Revocation)


def _unb64(text: str) -> bytes:
    try:
        return signed.unb64(text)
    except BadRequest:
        raise BadChain("A record is not base64url.") from None


def _is_key(text: str) -> bool:
    try:
        return len(signed.unb64(text)) == KEY_BYTES
    except MeshError:
        return False


def _wrong(record: Record) -> str:
    """What is wrong with a record by itself, as the rest of a sentence; empty for nothing."""
    if record.v != 1:
        return f"has version {record.v}; this build reads version 1"
    if not _MESH.match(record.mesh) or not _NS.match(record.ns):
        return "names no mesh or namespace"
    if not _is_key(record.sign):
        return "has a malformed signing key"
    if not (_is_key(record.seal) if record.kind in SEALS else record.seal == ""):
        return "has a malformed sealing key"
    if not all(is_pattern(name) for name in record.names):
        return "has a malformed name pattern"
    if not all(is_role(role) for role in record.roles):
        return "has a malformed role"
    return _wrong_kind(record)


def _wrong_kind(record: Record) -> str:
    if not _id_fits(record):
        return f"has an id that no {record.kind} may have"
    if record.kind not in SIGNS and record.names:
        return f"entitles a {record.kind} to sign"
    if record.kind != "invitation" and (record.reusable or record.redeem_by or record.most):
        return "carries an invitation's terms and is none"
    return flaw(record) if record.kind == "registry" else ""


def _id_fits(record: Record) -> bool:
    if record.kind == "owner":
        return is_owner_id(record.id)
    if record.kind == "registry":
        return record.id == REGISTRY
    if record.kind == "client":
        return is_client_id(record.id)
    if record.kind == "invitation" and record.reusable:
        return is_pattern(record.id)
    return is_agent_id(record.id)


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
