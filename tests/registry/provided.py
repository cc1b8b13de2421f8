"""A mesh whose people log in at an identity provider, which is a mock of another project, and a
browser that goes there and back."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import yaml

from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import Answer, http_call, http_now

ANNA, EVE = "anna@example.org", "eve@example.org"


@contextmanager
def mock_provider() -> Iterator[str]:
    """Its issuer."""
    from oidc_provider_mock import User, run_server_in_thread

    users = [
        User(sub="u-anna", claims={"email": ANNA, "email_verified": True}),
        User(sub="u-eve", claims={"email": EVE, "email_verified": True}),
        User(sub="u-liar", claims={"email": ANNA, "email_verified": False}),
    ]
    with run_server_in_thread(require_nonce=True, user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


async def configure(registry: RegistryHarness, issuer: str, **more: Any) -> None:
    """Restart ``registry`` with that provider."""
    await registry.stop()
    path = registry.profile.folder / "registry" / "registry.yaml"
    settings = yaml.safe_load(path.read_text())
    allow = [{"account": ANNA, "person": "anna", "role": "operator"}]
    provider = {"issuer": issuer, "client_id": "mesh", "name": "Example", "allow": allow, **more}
    path.write_text(yaml.safe_dump({**settings, "provider": provider}))
    await registry.start()


class Traveller:
    """A browser that goes to the provider and comes back, as far as each test lets it."""

    def __init__(self, registry: RegistryHarness) -> None:
        self.registry, self.cookie, self.there = registry, "", ""

    async def leave(self) -> Answer:
        """To the provider."""
        answer = await http_call(self.registry, "GET", "/login/provider")
        self.cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        self.there = answer.headers.get("location", "")
        return answer

    async def consent(self, sub: str = "u-anna") -> str:
        """Log in there; the address to come back to."""
        url = urlsplit(self.there)
        body = urlencode({"sub": sub}).encode()
        form = {"content-type": "application/x-www-form-urlencoded"}
        path = f"{url.path}?{url.query}"
        answer = await asyncio.to_thread(http_now, f"http://{url.netloc}", "POST", path, body, form)
        return answer.headers["location"]

    async def back(self, url: str, **changed: str) -> Answer:
        """Come back, with words of the query changed; the cookie is a Lax one."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changed
        path = f"{parts.path}?{urlencode(query)}"
        return await http_call(self.registry, "GET", path, cookie=self.cookie)


def link_in(answer: Answer) -> str:
    """The secret of the link on the page that follows."""
    found = re.search(r'href="/#([\w-]+)"', html.unescape(answer.body.decode()))
    return found[1] if found else ""
