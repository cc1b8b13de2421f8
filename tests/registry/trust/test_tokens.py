"""One function believes a token, and only one that is right in every respect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from chatixia.core.ports import Principal
from chatixia.errors import Unauthorized
from chatixia.identity import SignKey, key_id
from chatixia.ids import AgentId
from chatixia.registry.trust.tokens import MAX_TOKEN, Tokens, principal_of, read_assertion
from chatixia.wire.signed import b64
from tests.registry.clock import Clock

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

KEY = SignKey(bytes(range(32)))
OTHER = SignKey(bytes(range(1, 33)))
ME = Principal(AgentId("a"), "agent", machine="m")


def tokens(clock: Clock, *keys: SignKey, mesh: str = "m" * 64) -> Tokens:
    return Tokens(keys or (KEY,), mesh, clock.monotonic, clock)


def forge(changes: dict[str, Any], header: dict[str, Any], key: Any = None) -> str:
    """A token like a real one but for what a thief changes."""
    claims = {
        "iss": "chatixia:registry:" + "m" * 16,
        "aud": "m" * 64,
        "sub": "a",
        "iat": 1_000_000,
        "exp": 1_000_300,
        "jti": "x",
        "kind": "agent",
    }
    kept = {k: v for k, v in {**claims, **changes}.items() if v is not None}
    top = {"alg": "Ed25519", "typ": "chatixia+jwt", "kid": key_id(KEY.public), **header}
    top = {k: v for k, v in top.items() if v is not None}
    signer = key or OKPKey.import_key(KEY.pem().decode())
    return jwt.encode(top, kept, signer, [str(top["alg"])], default_type=None)


def test_an_issued_token_says_who():
    clock = Clock()
    made = tokens(clock)
    claims = made.verify(made.issue(ME, serial=7))
    assert principal_of(claims) == ME and claims.ser == 7
    clock.now += 299
    made.verify(made.issue(ME))


def test_it_ends_with_its_time_even_if_it_was_seen_before():
    clock = Clock()
    made = tokens(clock)
    text = made.issue(ME)
    made.verify(text)
    clock.now += 300
    with pytest.raises(Unauthorized):
        made.verify(text)


def test_it_ends_with_the_membership_behind_it():
    clock = Clock()
    made = tokens(clock)
    text = made.issue(ME, until=clock.now + 20)
    assert (made.life(clock.now + 20), made.life(clock.now + 9e9), made.life()) == (20, 300, 300)
    assert made.life(clock.now - 1) == 0
    clock.now += 19
    made.verify(text)
    clock.now += 1
    with pytest.raises(Unauthorized):
        made.verify(text)


def test_rotation_overlaps():
    clock = Clock()
    old = tokens(clock, KEY).issue(ME)
    made = tokens(clock, OTHER, KEY)
    assert made.verify(old).sub == "a"
    with pytest.raises(Unauthorized):
        tokens(clock, KEY).verify(made.issue(ME))


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"aud": "n" * 64}, {}),
        ({"iss": "else"}, {}),
        ({"sub": ""}, {}),
        ({"jti": ""}, {}),
        ({"exp": 1_000_000}, {}),
        ({"exp": 2_000_000}, {}),
        ({"iat": 1_000_100}, {}),
        ({"kind": 7}, {}),
        ({"exp": "1000300"}, {}),
        ({"aud": ["m" * 64]}, {}),
        *(({name: None}, {}) for name in ("iss", "aud", "sub", "iat", "exp", "jti", "kind")),
        ({}, {"typ": "JWT"}),
        ({}, {"typ": None}),
        ({}, {"kid": "0" * 16}),
        ({}, {"kid": None}),
        ({}, {"alg": "EdDSA"}),
    ],
)
def test_anything_missing_or_else_is_refused(changes: dict[str, Any], header: dict[str, Any]):
    with pytest.raises(Unauthorized):
        tokens(Clock()).verify(forge(changes, header))
    tokens(Clock()).verify(forge({}, {}))


def test_other_algorithms_are_refused():
    public = OctKey.import_key(KEY.public)
    hs256 = forge({}, {"alg": "HS256"}, public)
    good = forge({}, {})
    none = json.dumps({"alg": "none", "typ": "chatixia+jwt", "kid": key_id(KEY.public)})
    unsigned = f"{b64(none.encode())}.{good.split('.')[1]}."
    crit = forge({}, {}).split(".")
    for text in (hs256, unsigned, good[:-4] + "AAAA", "", "a.b", "a.b.c", crit[0], "x" * 9999):
        with pytest.raises(Unauthorized):
            tokens(Clock()).verify(text)
    assert len(good) < MAX_TOKEN


def assertion(key: SignKey, **changes: Any) -> str:
    claims = {"sub": "a", "aud": "mesh", "iat": 100, "exp": 160, "nonce": "n", **changes}
    header = {"alg": "Ed25519", "typ": "chatixia+jwt"}
    return key.jws(json.dumps(header).encode(), json.dumps(claims).encode())


def test_an_assertion_is_for_this_mesh_now_and_by_this_key():
    said = read_assertion(assertion(KEY), KEY.public, "mesh", 120)
    assert said.sub == "a" and said.nonce == "n"
    wrong = [
        assertion(OTHER),
        assertion(KEY, aud="else"),
        assertion(KEY, exp=1000),
        assertion(KEY, exp=110),
        assertion(KEY, nonce=7),
        "x" * 5000,
    ]
    for text in wrong:
        with pytest.raises(Unauthorized):
            read_assertion(text, KEY.public, "mesh", 120)
