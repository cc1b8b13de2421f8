"""Logins under way are bounded, in number and in time; nothing is asked in clear."""

from __future__ import annotations

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from chatixia.core.provider import ProviderSettings
from chatixia.errors import Unauthorized, Unavailable
from chatixia.registry.people import provider as module
from chatixia.registry.people.cookies import LOGIN_SECONDS
from chatixia.registry.people.provider import (
    Discovery,
    IdentityProvider,
    ProviderAccess,
    ProviderAnswer,
    is_private,
    proved_claims,
)
from chatixia.wire.signed import b64
from tests.registry.clock import Clock

ISSUER = "https://id.example.org"
HERE = "192.0.2.1"


class Discovered(IdentityProvider):
    """A provider whose description is known."""

    async def _discover(self, client: object) -> Discovery:
        return Discovery(ISSUER, f"{ISSUER}/auth", f"{ISSUER}/token", f"{ISSUER}/keys")


def made(clock: Clock) -> Discovered:
    settings = ProviderSettings(ISSUER, "mesh")
    return Discovered(ProviderAccess(settings, ""), clock, clock.wall)


def answer(url: str) -> ProviderAnswer:
    state = url.partition("state=")[2].partition("&")[0]
    return ProviderAnswer(state, "code", "", "access_denied")


async def test_a_login_that_took_too_long_is_none():
    clock = Clock()
    provider = made(clock)
    started = await provider.begin("https://mesh/login/provider/back", HERE)
    clock.now += LOGIN_SECONDS + 1
    with pytest.raises(Unauthorized, match="long ago"):
        await provider.finish(answer(started.url), started.cookie)


async def test_logins_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_LOGINS", 2)
    provider = made(Clock())
    started = [await provider.begin("https://mesh/back", HERE) for _ in range(3)]
    with pytest.raises(Unauthorized, match="not begun here"):
        await provider.finish(answer(started[0].url), started[0].cookie)
    with pytest.raises(Unauthorized, match="did not log you in"):
        await provider.finish(answer(started[2].url), started[2].cookie)


async def test_a_strangers_logins_push_out_its_own_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_LOGINS", 4)
    provider = made(Clock())
    honest = await provider.begin("https://mesh/back", HERE)
    flood = [await provider.begin("https://mesh/back", "198.51.100.1") for _ in range(8)]
    with pytest.raises(Unauthorized, match="did not log you in"):
        await provider.finish(answer(honest.url), honest.cookie)
    with pytest.raises(Unauthorized, match="not begun here"):
        await provider.finish(answer(flood[0].url), flood[0].cookie)
    with pytest.raises(Unauthorized, match="did not log you in"):
        await provider.finish(answer(flood[-1].url), flood[-1].cookie)


async def test_those_whose_time_is_over_go_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_LOGINS", 2)
    clock = Clock()
    provider = made(clock)
    await provider.begin("https://mesh/back", "198.51.100.1")
    clock.now += LOGIN_SECONDS + 1
    waiting = [await provider.begin("https://mesh/back", HERE) for _ in range(2)]
    for one in waiting:
        with pytest.raises(Unauthorized, match="did not log you in"):
            await provider.finish(answer(one.url), one.cookie)


async def test_each_login_has_its_own_secrets_and_a_challenge():
    provider = made(Clock())
    one, other = [await provider.begin("https://mesh/back", HERE) for _ in range(2)]
    assert one.cookie != other.cookie and one.url != other.url
    assert "code_challenge=" in one.url and "nonce=" in one.url and "code_verifier" not in one.url


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://id.example.org", True),
        ("http://id.example.org", False),
        ("http://localhost:9", True),
        ("http://127.0.0.1", True),
        ("ftp://id.example.org", False),
        ("", False),
    ],
)
def test_nothing_is_asked_in_clear(url: str, private: bool):
    assert is_private(url) is private


async def test_a_provider_that_names_another_or_wants_clear_text_is_refused(
    monkeypatch: pytest.MonkeyPatch,
):
    clock = Clock()
    provider = IdentityProvider(
        ProviderAccess(ProviderSettings(ISSUER, "mesh"), ""), clock, clock.wall
    )
    document = {"issuer": ISSUER, "authorization_endpoint": "x", "token_endpoint": "x"}
    for wrong in (
        {**document, "jwks_uri": "http://id.example.org/keys"},
        {**document, "issuer": "https://other.example.org", "jwks_uri": ISSUER},
        {"issuer": ISSUER},
    ):

        async def says(client: object, url: str, wrong: dict[str, str] = wrong) -> dict[str, str]:
            return wrong

        monkeypatch.setattr(module, "_json", says)
        with pytest.raises(Unavailable):
            await provider.begin("https://mesh/back", HERE)


def test_a_token_of_another_key_proves_nothing():
    own, other = (RSAKey.generate_key(2048, {"kid": "k"}) for _ in range(2))
    keys = {"keys": [own.as_dict(private=False)]}
    claims = {"sub": "u1"}
    good = jwt.encode({"alg": "RS256", "kid": "k"}, claims, own)
    assert proved_claims(good, keys) == claims
    head = b64(b'{"alg":"none"}')
    secret = OctKey.generate_key(256)
    for wrong in (
        jwt.encode({"alg": "RS256", "kid": "k"}, claims, other),
        jwt.encode({"alg": "HS256", "kid": "k"}, claims, secret),
        f"{head}.{good.split('.')[1]}.",
        good.rpartition(".")[0] + ".",
        "",
        "a.b.c",
    ):
        with pytest.raises(Unauthorized):
            proved_claims(wrong, keys)
