"""A browser as the registry sees one: its cookie, its page's secret, its WebSocket."""

from __future__ import annotations

import asyncio
from typing import Any

from chatixia.assembly.remote.rest import RegistryClient
from chatixia.registry.people.cookies import PAGE_PREFIX, SUBPROTOCOL
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.people import PersonAdd, PersonLink
from chatixia.wire.registry import LoginLink, Nothing
from tests.registry.doors import Answer, Peer, dial, http_call


class Browser:
    """One browser; ``cookie`` as it is sent, ``page`` the secret in its sessionStorage."""

    def __init__(self, registry: RegistryHarness, answer: Answer) -> None:
        self.registry = registry
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        self.page = str(answer.json["page_secret"])
        self.person, self.role = answer.json["person"], answer.json["role"]

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request as the page sends it."""
        sent = {"cookie": self.cookie, "x_chatixia": self.page, **headers}
        return await http_call(self.registry, method, path, body, **sent)

    async def dial(self) -> Peer:
        """The page's socket, logged in."""
        peer = await dial(
            self.registry,
            additional_headers={"Cookie": self.cookie},
            subprotocols=[SUBPROTOCOL, PAGE_PREFIX + self.page],
        )
        peer.welcome = await peer.next("welcome")
        return peer


async def as_owner(registry: RegistryHarness, verb: str, request: Any) -> Any:
    """A verb as the owner, as the commands ask it."""

    def ask() -> Any:
        with RegistryClient.owner(registry.profile) as rest:
            return rest.call(verb, request)

    return await asyncio.to_thread(ask)


async def link(registry: RegistryHarness) -> str:
    """The secret of a fresh link of the owner's."""
    made: LoginLink = await as_owner(registry, "login.create", Nothing())
    return made.secret


async def redeem(registry: RegistryHarness, secret: str, **headers: str) -> Answer:
    return await http_call(registry, "POST", "/api/login/redeem", {"secret": secret}, **headers)


async def owners_browser(registry: RegistryHarness) -> Browser:
    """The owner's own person, by a link."""
    return Browser(registry, await redeem(registry, await link(registry)))


async def browser_of(registry: RegistryHarness, name: str, role: Any) -> Browser:
    """A new person's, by its first link."""
    made: PersonLink = await as_owner(registry, "people.add", PersonAdd(name, role))
    return Browser(registry, await redeem(registry, made.secret))


async def by_password(
    registry: RegistryHarness, name: str, password: str, **headers: str
) -> Answer:
    body = {"person": name, "password": password}
    return await http_call(registry, "POST", "/api/login/password", body, **headers)
