"""A revocation: an owner's statement that ends an id, read and signed (trust.md section 1).

Who is out by it is asked of a member: :func:`chatixia.core.membership.check_revoked`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatixia.errors import BadRequest, BadSignature, MeshError, Revoked, WrongMesh
from chatixia.wire import signed
from chatixia.wire.trust import OWNER, Revocation, Signed

from .membership import NO_REVOCATIONS, check_chain, check_revoked
from .owners import is_owner_id, may_revoke
from .ports import RevocationBook, Verify

_REVOCATION = msgspec.json.Decoder(Revocation)
_S = TypeVar("_S", bound=msgspec.Struct)


def read_statement(
    statement: Signed, decoder: msgspec.json.Decoder[_S], noun: str
) -> tuple[_S, bytes, bytes]:
    """What an owner's statement says, not checked yet, with the signed bytes and the signature.
    Raises BadSignature, which calls it ``noun``."""
    try:
        body, signature = signed.unb64(statement.b), signed.unb64(statement.s)
        return decoder.decode(body), body, signature
    except (BadRequest, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadSignature(f"{noun} is malformed.") from None


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
    revocation, body, signature = read_statement(statement, _REVOCATION, "A revocation")
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
