"""Logging in at an identity provider (OpenID Connect): what its answer must say, and who may come.

Pure: the signature of the token was judged before; nonces and the time are arguments.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from chatixia.errors import Denied, Unauthorized
from chatixia.wire.people import Role

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
SKEW_SECONDS: Final = 60
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "Ed25519", "EdDSA")
"""Signatures that are believed: all of a key pair, none of a secret that two share."""


class AllowedAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may come in: an ``account`` (an e-mail address that the provider has verified, or its
    ``sub``) as the ``person``, who has that ``role`` at first."""

    account: Text
    person: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    role: Role = "viewer"


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``issuer``: the provider's address, as its tokens name it; ``client_id`` and
    ``client_secret_file``: what it knows this registry by; ``name``: what the page calls it;
    ``allow``: who may come in, nobody else."""

    issuer: Annotated[str, msgspec.Meta(max_length=253)] = ""
    client_id: Annotated[str, msgspec.Meta(max_length=253)] = ""
    client_secret_file: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    name: Annotated[str, msgspec.Meta(max_length=32)] = ""
    allow: Annotated[list[AllowedAccount], msgspec.Meta(max_length=1000)] = []


class Account(msgspec.Struct, frozen=True):
    """Who the provider says has logged in. ``email``: empty unless the provider verified it."""

    subject: str
    email: str = ""


class IdTokenClaims(msgspec.Struct):
    """What of an ID token is judged; the rest may be anything."""

    sub: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    exp: float
    iat: float
    iss: str = ""
    aud: str | list[str] = ""
    azp: str | msgspec.UnsetType = msgspec.UNSET
    nonce: str = ""
    email: Any = None
    email_verified: Any = None


def account_of(
    claims: dict[str, Any], *, issuer: str, client_id: str, nonce: str, now: float
) -> Account:
    """The account of an ID token whose signature holds. Raises Unauthorized (OpenID Connect Core,
    section 3.1.3.7)."""
    try:
        token = msgspec.convert(claims, IdTokenClaims)
    except msgspec.ValidationError:
        raise Unauthorized("The answer of the identity provider cannot be read.") from None
    audiences = token.aud if isinstance(token.aud, list) else [token.aud]
    if token.iss != issuer:
        raise Unauthorized("The answer is of another identity provider.")
    if client_id not in audiences or token.azp not in (client_id, msgspec.UNSET):
        raise Unauthorized("The answer of the identity provider is for somebody else.")
    if len(audiences) > 1 and token.azp is msgspec.UNSET:
        raise Unauthorized("The answer of the identity provider is for several.")
    if not nonce or token.nonce != nonce:
        raise Unauthorized("The answer of the identity provider is for another login.")
    if not (token.exp > now - SKEW_SECONDS and token.iat <= now + SKEW_SECONDS):  # nor for NaN
        raise Unauthorized("The answer of the identity provider is too old.")
    verified = token.email_verified is True and isinstance(token.email, str)
    return Account(token.sub, token.email.lower() if verified else "")


def admitted(account: Account, allow: list[AllowedAccount]) -> AllowedAccount:
    """The entry that lets an account in. Raises Denied."""
    for entry in allow:
        if entry.account == account.subject:
            return entry
        if account.email and entry.account.lower() == account.email:
            return entry
    raise Denied("This account may not come in; ask an admin of the mesh.")
