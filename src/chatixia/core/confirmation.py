"""The owner's word that a version of the revocation list is the newest, with its date.

A registry that withholds a revocation has no newer word to show: what it shows names a version that
its hearer lacks, or grows old, and then links end (trust.md section 1).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chatixia.errors import BadSignature, WrongMesh
from chatixia.wire import signed
from chatixia.wire.trust import Confirmation, Signed

from .membership import NO_REVOCATIONS
from .ports import RevocationBook, Verify
from .revocation import read_statement, signing_owner

_decoder = msgspec.json.Decoder(Confirmation)


def sign_confirmation(word: Confirmation, sign: Callable[[str, bytes], bytes]) -> Signed:
    """``word`` signed by ``sign(context, data)``."""
    body = msgspec.json.encode(word)
    return Signed(signed.b64(body), signed.b64(sign(signed.CONFIRM, body)))


def check_confirmation(
    statement: Signed,
    *,
    mesh: str,
    owner: bytes,
    verify: Verify,
    revocations: RevocationBook = NO_REVOCATIONS,
) -> Confirmation:
    """What ``statement`` says, signed by the raw ``owner`` key, or by another owner whom
    ``revocations`` do not name. Raises BadSignature, Revoked, WrongMesh."""
    word, body, signature = read_statement(statement, _decoder, "A confirmation")
    _, key = signing_owner(
        word.signer, mesh=mesh, owner=owner, verify=verify, revocations=revocations
    )
    if not verify(key, signed.CONFIRM, body, signature):
        raise BadSignature("A confirmation is not signed by the owner.")
    if word.mesh != mesh:
        raise WrongMesh("A confirmation is of another mesh.")
    return word
