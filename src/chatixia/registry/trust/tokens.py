"""Bearer tokens: EdDSA JWTs of five minutes, and one function that believes one.

joserfc checks a signature and nothing else; :meth:`Tokens.verify` demands algorithm, ``typ``,
``kid``, ``iss``, ``aud``, ``sub``, ``iat``, ``exp`` and ``jti`` (trust.md section 4, RFC 9864).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from chatixia.core.ports import Principal
from chatixia.errors import Unauthorized
from chatixia.identity import SignKey, key_id
from chatixia.ids import AgentId
from chatixia.wire.signed import b64
from chatixia.world import World

ALGORITHM: Final = "Ed25519"
TYPE: Final = "chatixia+jwt"
TOKEN_SECONDS: Final = 300
MAX_TOKEN: Final = 4096
MAX_REMEMBERED: Final = 4096
"""Verified tokens remembered, so that a signature is checked once per token."""
SKEW_SECONDS: Final = 5


class Claims(msgspec.Struct, frozen=True):
    """A token's claims. Times in mesh seconds; ``ser`` is the member's serial at issue,
    ``inv`` the reusable invitation of its machine."""

    iss: str
    aud: str
    sub: str
    iat: int
    exp: int
    jti: str
    kind: str
    ns: str = "default"
    mch: str = ""
    trust: str = "owner"
    role: str = ""
    ser: int = 0
    inv: str = ""


class Tokens:
    """Issues with the first key, believes all of ``keys`` (rotation overlaps).

    ``now``: mesh time in seconds. ``ttl``: seconds of life.
    """

    def __init__(
        self,
        keys: Sequence[SignKey],
        mesh: str,
        now: Callable[[], float],
        world: World,
        ttl: int = TOKEN_SECONDS,
    ) -> None:
        self.ttl = ttl
        self._mesh, self._now, self._world = mesh, now, world
        self._issuer = f"chatixia:registry:{mesh[:16]}"
        self._keys = {
            str(key_id(key.public)): OKPKey.import_key(key.pem().decode()) for key in keys
        }
        self._kid = str(key_id(keys[0].public))
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    def life(self, until: float = 0.0) -> int:
        """Whole seconds that a token made now lives: :attr:`ttl`, and not beyond ``until``, the
        end of its membership in mesh seconds (0: none)."""
        left = int(until) - int(self._now()) if until else self.ttl
        return max(0, min(self.ttl, left))

    def issue(self, principal: Principal, serial: int = 0, until: float = 0.0) -> str:
        """A token for ``principal``, good for :meth:`life` seconds."""
        now = int(self._now())
        claims = Claims(
            self._issuer,
            self._mesh,
            principal.id,
            now,
            now + self.life(until),
            b64(self._world.token(12)),
            principal.kind,
            principal.ns,
            principal.machine,
            principal.trust,
            principal.role,
            serial,
            principal.invitation,
        )
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self._kid}
        return jwt.encode(header, msgspec.to_builtins(claims), self._keys[self._kid], [ALGORITHM])

    def verify(self, text: str) -> Claims:
        """The claims of a token that holds in every respect. Raises Unauthorized."""
        if len(text) > MAX_TOKEN:
            raise Unauthorized("The token is too long.")
        mark = hashlib.sha256(text.encode()).digest()
        claims = self._verified.get(mark)
        if claims is None:
            claims = self._read(text)
            self._verified[mark] = claims
            if len(self._verified) > MAX_REMEMBERED:
                self._verified.popitem(last=False)
        self._check(claims)
        return claims

    def _read(self, text: str) -> Claims:
        key = self._keys.get(str(header_of(text).get("kid")))
        if key is None:
            raise Unauthorized("The token was signed by no key of this registry.")
        claims: Claims = signed_claims(text, key, Claims)
        return claims

    def _check(self, claims: Claims) -> None:
        now = self._now()
        if claims.iss != self._issuer or claims.aud != self._mesh:
            raise Unauthorized("The token is for another mesh.")
        if (
            claims.exp <= now
            or claims.iat > now + SKEW_SECONDS
            or claims.exp - claims.iat > self.ttl
        ):
            raise Unauthorized("The token has expired.")
        if not claims.sub or not claims.jti:
            raise Unauthorized("The token names no principal.")


def principal_of(claims: Claims) -> Principal:
    """The principal of a verified token."""
    return Principal(
        AgentId(claims.sub),
        claims.kind,
        claims.ns,
        claims.trust,
        claims.role,
        claims.mch,
        invitation=claims.inv,
    )


def header_of(text: str) -> dict[str, Any]:
    """A token's header when it has our algorithm and type and nothing critical.

    Raises Unauthorized: an ``alg`` of the sender's choice is the classic way in.
    """
    try:
        header = dict(jws.extract_compact(text.encode()).headers())
    except (JoseError, ValueError, UnicodeError):
        raise Unauthorized("The token cannot be read.") from None
    if header.get("alg") != ALGORITHM or header.get("typ") != TYPE or "crit" in header:
        raise Unauthorized("The token is of another kind.")
    return header


def signed_claims(text: str, key: OKPKey, kind: type[Any]) -> Any:
    """The claims as ``kind`` when ``key`` signed ``text``. Raises Unauthorized."""
    try:
        return msgspec.convert(jwt.decode(text, key, [ALGORITHM]).claims, kind)
    except (JoseError, ValueError, UnicodeError):
        raise Unauthorized("The token is not valid.") from None


class Assertion(msgspec.Struct, frozen=True):
    """What a key-holder signs to get a token: the registry's nonce, single use, 60 s."""

    sub: str
    aud: str
    iat: int
    exp: int
    nonce: str


ASSERTION_SECONDS: Final = 60


def read_assertion(text: str, public: bytes, mesh: str, now: float) -> Assertion:
    """An assertion signed by the raw key ``public`` for ``mesh``. Raises Unauthorized."""
    if len(text) > MAX_TOKEN:
        raise Unauthorized("The assertion is too long.")
    header_of(text)
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64(public)})
    assertion: Assertion = signed_claims(text, key, Assertion)
    if assertion.aud != mesh:
        raise Unauthorized("The assertion is for another mesh.")
    if assertion.exp - assertion.iat > ASSERTION_SECONDS or assertion.exp <= now:
        raise Unauthorized("The assertion has expired.")
    return assertion
