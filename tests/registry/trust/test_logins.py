"""The login link works once; the cookie is a person; writes need our header."""

from __future__ import annotations

import asyncio

from chatixia.assembly.remote.rest import RegistryClient
from chatixia.registry.call import Listener
from chatixia.registry.trust.logins import cookie_name, read_cookie, set_cookie
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import LoginLink, Nothing
from tests.registry.doors import Answer, dial, http_call


async def link(registry: RegistryHarness) -> str:
    def ask() -> LoginLink:
        with RegistryClient.owner(registry.profile) as rest:
            found: LoginLink = rest.call("login.create", Nothing())
            return found

    return (await asyncio.to_thread(ask)).secret


async def redeem(registry: RegistryHarness, secret: str) -> Answer:
    return await http_call(registry, "POST", "/api/login/redeem", {"secret": secret})


async def test_a_link_is_redeemed_once(registry: RegistryHarness):
    secret = await link(registry)
    answers = await asyncio.gather(*(redeem(registry, secret) for _ in range(3)))
    assert sorted(a.status for a in answers) == [200, 401, 401]
    cookie = next(a for a in answers if a.status == 200).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    name = cookie.partition(";")[0]
    said = await http_call(registry, "GET", "/api/session", cookie=name)
    assert said.json == {"person": "admin", "role": "admin", "mesh": registry.profile.mesh}


async def test_a_browsers_write_needs_the_header_and_ends_the_session(registry: RegistryHarness):
    cookie = (await redeem(registry, await link(registry))).headers["set-cookie"].partition(";")[0]
    bare = await http_call(registry, "POST", "/api/login/end", {}, cookie=cookie)
    assert (bare.status, bare.code) == (403, "denied")
    ended = await http_call(registry, "POST", "/api/login/end", {}, cookie=cookie, x_chatixia="1")
    assert ended.status == 200 and "Max-Age=0" in ended.headers["set-cookie"]
    again = await http_call(registry, "GET", "/api/session", cookie=cookie)
    assert again.status == 401


async def test_the_page_opens_its_socket_by_the_cookie(registry: RegistryHarness):
    cookie = (await redeem(registry, await link(registry))).headers["set-cookie"].partition(";")[0]
    peer = await dial(registry, additional_headers={"Cookie": cookie})
    assert (await peer.next("welcome"))["peer_id"] == "admin"
    assert "cursor" in (await peer.verb("watch"))["body"]
    await http_call(registry, "POST", "/api/login/end", {}, cookie=cookie, x_chatixia="1")
    assert await peer.closed() == 1008
    other = await dial(registry, additional_headers={"Cookie": cookie.partition("=")[0] + "=x"})
    assert (await other.next("error"))["code"] == "unauthorized"


async def test_guessing_is_rated(registry: RegistryHarness):
    for _ in range(40):
        answer = await redeem(registry, "guess")
    assert answer.code == "busy"
    assert (await redeem(registry, await link(registry))).status == 200, "nobody else is kept out"


def test_cookies_by_listener():
    clear, tls = Listener(), Listener(True, b"c")
    mesh = "ab" * 32
    assert cookie_name(mesh, tls) == "__Host-chatixia" and mesh[:16] in cookie_name(mesh, clear)
    assert "Secure" in set_cookie(mesh, tls, "s") and "Secure" not in set_cookie(mesh, clear, "s")
    header = f"a=1; {cookie_name(mesh, tls)}=secret; b=2"
    assert read_cookie(mesh, tls, header) == "secret" and read_cookie(mesh, clear, header) == ""
