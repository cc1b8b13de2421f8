"""What a key-holder signs to get a bearer token (trust.md section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chatixia.wire.registry import TokenRequest
from chatixia.wire.signed import unb64
from chatixia.wire.trust import Signed

from .ports import LocalIdentity
from .record import read_record

ASSERTION_LIFE: Final = 60
HEADER: Final = msgspec.json.encode({"alg": "Ed25519", "typ": "chatixia+jwt"})

Jws = Callable[[bytes, bytes], str]
"""(header, claims) as a compact JWS signed with the key that the chain's leaf names."""


def assertion(jws: Jws, chain: Sequence[Signed], mesh: str, nonce: str, now: float) -> TokenRequest:
    """A request for a token, good for 60 s from ``now`` (mesh seconds) and for this ``nonce``,
    which the registry gave and takes once."""
    issued = int(now)
    claims = {
        "sub": read_record(unb64(chain[0].b)).id,
        "aud": mesh,
        "iat": issued,
        "exp": issued + ASSERTION_LIFE,
        "nonce": nonce,
    }
    return TokenRequest(jws(HEADER, msgspec.json.encode(claims)), list(chain))


def asserter(me: LocalIdentity) -> Callable[[str, float], TokenRequest] | None:
    """What makes such a request for ``me``, in any thread, by the chain that it has then."""
    jws = me.jws
    if jws is None:
        return None
    return lambda nonce, now: assertion(jws, me.chain, me.mesh, nonce, now)
