"""What an identity provider's token must say, each word of it, and who is let in."""

from __future__ import annotations

from typing import Any

import pytest

from chatixia.core.provider import Account, AllowedAccount, account_of, admitted
from chatixia.errors import Denied, Unauthorized

ISSUER, CLIENT, NOW = "https://id.example.org", "mesh", 1_000_000.0
GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "u1",
    "nonce": "n",
    "exp": NOW + 300,
    "iat": NOW,
    "email": "Anna@Example.org",
    "email_verified": True,
}


def account(expected: str = "n", **changed: Any) -> Account:
    claims = {key: value for key, value in (GOOD | changed).items() if value is not None}
    return account_of(claims, issuer=ISSUER, client_id=CLIENT, nonce=expected, now=NOW)


def test_a_good_token_names_an_account():
    assert account() == Account("u1", "anna@example.org")
    assert account(aud=[CLIENT, "other"], azp=CLIENT).subject == "u1"
    assert account(exp=NOW - 30).subject == "u1", "clocks differ"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example.org"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": [CLIENT, "other"]},
        {"azp": "other"},
        {"nonce": "m"},
        {"nonce": None},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("nan")},
        {"iat": float("nan")},
        {"iat": NOW + 61},
        {"iat": None},
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
)
def test_each_word_that_is_wrong_is_refused(changed: dict[str, Any]):
    with pytest.raises(Unauthorized):
        account(**changed)


def test_a_login_without_a_nonce_is_none():
    with pytest.raises(Unauthorized):
        account("", nonce="")


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_was_not_verified_is_no_address(verified: Any):
    assert account(email_verified=verified) == Account("u1")


def test_only_those_on_the_list_come_in():
    allow = [AllowedAccount("Anna@example.org", "anna", "admin"), AllowedAccount("u2", "bob")]
    assert admitted(Account("u1", "anna@example.org"), allow).person == "anna"
    assert admitted(Account("u2"), allow).role == "viewer"
    for other in (Account("u1"), Account("anna@example.org", ""), Account("U2"), Account("u3", "")):
        if other.subject != "anna@example.org":
            with pytest.raises(Denied):
                admitted(other, allow)
