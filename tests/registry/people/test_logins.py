"""A link works once, a password while it is right; no session is fixed, none lives too long."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest

from chatixia.registry.people import throttle
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.audit import AuditQuery
from chatixia.wire.people import PersonRef
from tests.registry.browsers import (
    Browser,
    as_owner,
    browser_of,
    by_password,
    link,
    owners_browser,
    redeem,
)
from tests.registry.doors import dial, http_call, person

PASSWORD = "a horse that reads"


async def test_a_link_is_redeemed_once(registry: RegistryHarness):
    secret = await link(registry)
    answers = await asyncio.gather(*(redeem(registry, secret) for _ in range(3)))
    assert sorted(a.status for a in answers) == [200, 401, 401]
    answer = next(a for a in answers if a.status == 200)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    said = await Browser(registry, answer).call("GET", "/api/session")
    assert said.json == {
        "person": "hub~admin",
        "role": "admin",
        "mesh": registry.profile.mesh,
        "method": "link",
    }


async def test_a_browsers_write_needs_the_header_and_ends_the_session(registry: RegistryHarness):
    browser = await owners_browser(registry)
    bare = await http_call(registry, "POST", "/api/login/end", {}, cookie=browser.cookie)
    assert bare.status == 401, "on loopback the cookie alone is nothing"
    ended = await browser.call("POST", "/api/login/end", {})
    assert ended.status == 200 and "Max-Age=0" in ended.headers["set-cookie"]
    assert (await browser.call("GET", "/api/session")).status == 401


async def test_another_port_of_loopback_that_is_sent_the_cookie_gets_nowhere(
    registry: RegistryHarness,
):
    browser = await owners_browser(registry)
    for stolen in ({}, {"x_chatixia": "1"}, {"x_chatixia": "A" * 32}):
        answer = await http_call(registry, "GET", "/api/status", cookie=browser.cookie, **stolen)
        assert answer.status == 401, stolen
    peer = await dial(registry, additional_headers={"Cookie": browser.cookie})
    assert (await peer.next("error"))["code"] == "unauthorized"
    assert (await browser.call("GET", "/api/status")).status == 200


async def test_the_page_opens_its_socket_by_cookie_and_subprotocol(registry: RegistryHarness):
    browser = await owners_browser(registry)
    other = await owners_browser(registry)
    peer, stays = await browser.dial(), await other.dial()
    assert peer.welcome["peer_id"] == "hub~admin" and peer.ws.subprotocol == "chatixia"
    assert "cursor" in (await peer.verb("watch"))["body"]
    await browser.call("POST", "/api/login/end", {})
    assert await peer.closed() == 1008
    assert "cursor" in (await stays.verb("watch"))["body"], "another browser stays logged in"
    wrong = await dial(
        registry, additional_headers={"Cookie": browser.cookie.partition("=")[0] + "=x"}
    )
    assert (await wrong.next("error"))["code"] == "unauthorized"


async def test_a_login_makes_new_secrets_and_ends_what_the_browser_had(registry: RegistryHarness):
    """Session fixation: whoever planted the cookie beforehand holds nothing afterwards."""
    planted = await browser_of(registry, "eve", "viewer")
    peer = await planted.dial()
    answer = await redeem(registry, await link(registry), cookie=planted.cookie)
    fresh = Browser(registry, answer)
    assert fresh.cookie != planted.cookie and fresh.page != planted.page
    assert (await planted.call("GET", "/api/session")).status == 401
    assert await peer.closed() == 1008
    made_up = planted.cookie.partition("=")[0] + "=" + "A" * 32
    answer = await redeem(registry, await link(registry), cookie=made_up)
    assert Browser(registry, answer).cookie != made_up


async def test_guessing_links_is_rated(registry: RegistryHarness):
    for _ in range(40):
        answer = await redeem(registry, "guess")
    assert answer.code == "busy"
    assert (await redeem(registry, await link(registry))).status == 200, "nobody else is kept out"


async def test_a_password_opens_a_session_and_another_does_not(registry: RegistryHarness):
    browser = await browser_of(registry, "anna", "operator")
    set_ = await browser.call("POST", "/api/session/password", {"new": PASSWORD})
    assert set_.status == 200, set_.body
    for name in ("anna", "hub~anna"):
        answer = await by_password(registry, name, PASSWORD)
        assert (answer.status, answer.json["role"]) == (200, "operator")
    assert (await Browser(registry, answer).call("GET", "/api/session")).json[
        "method"
    ] == "password"
    wrong = await by_password(registry, "anna", PASSWORD + "!")
    nobody = await by_password(registry, "nobody", PASSWORD)
    bad = await by_password(registry, "No Body", PASSWORD)
    assert wrong.status == nobody.status == bad.status == 401
    assert wrong.json["detail"] == nobody.json["detail"] == bad.json["detail"]
    audit = await registry.running.service.audit.page(person(), AuditQuery(act="login.failed"))
    assert [line.target for line in audit.lines] == ["hub~anna"]
    everything = await registry.running.service.audit.page(person(), AuditQuery(limit=1000))
    for secret in (PASSWORD, browser.page, browser.cookie.partition("=")[2]):
        assert secret not in str(everything)


async def test_guessing_passwords_is_throttled_and_shuts_out_nobody_elsewhere(
    registry: RegistryHarness,
):
    """What was right in between is right, and counts for nothing."""
    browser = await browser_of(registry, "anna", "viewer")
    await browser.call("POST", "/api/session/password", {"new": PASSWORD})
    assert (await by_password(registry, "anna", PASSWORD)).status == 200
    codes = [(await by_password(registry, "anna", f"wrong {n}")).code for n in range(8)]
    assert codes == ["unauthorized"] * 5 + ["busy"] * 3
    assert (await by_password(registry, "anna", PASSWORD)).code == "busy"
    assert (await browser.call("GET", "/api/session")).status == 200, "who is in stays in"
    made = await as_owner(registry, "people.link", PersonRef("hub~anna"))
    assert (await redeem(registry, made.secret)).status == 200, "a link is another way in"


async def test_many_guesses_at_once_are_no_way_around_the_throttle(registry: RegistryHarness):
    browser = await browser_of(registry, "anna", "viewer")
    await browser.call("POST", "/api/session/password", {"new": PASSWORD})
    tries = [by_password(registry, "anna", f"wrong {n}") for n in range(12)]
    codes = sorted([answer.code for answer in await asyncio.gather(*tries)])
    assert codes == ["busy"] * 7 + ["unauthorized"] * 5


async def test_a_session_that_is_over_ends_its_socket_too(registry: RegistryHarness):
    with patch("chatixia.registry.people.logins.SESSION_SECONDS", 1.0):
        browser = await owners_browser(registry)
        peer = await browser.dial()
    assert (await peer.next("error"))["code"] == "unauthorized"
    assert await peer.closed() == 1008
    assert (await browser.call("GET", "/api/session")).status == 401


async def test_the_form_says_what_there_is(registry: RegistryHarness):
    assert (await http_call(registry, "GET", "/api/login/methods")).json == {}


@pytest.mark.parametrize("name", ["", "x" * 64, "hub~", "../x", "Anna"])
async def test_a_name_that_names_nobody_costs_a_guess_all_the_same(
    registry: RegistryHarness, name: str
):
    with patch.object(throttle, "PAIR", (2.0, 0.01)):
        assert (await by_password(registry, name, PASSWORD)).status == 401
