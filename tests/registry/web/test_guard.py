"""Foreign hosts and origins are turned away at both doors; the log has no query."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from chatixia.errors import BadRequest, Denied
from chatixia.registry.call import Listener
from chatixia.registry.web.guard import check
from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import dial, http_call

OURS = Listener(True, b"c", frozenset({"laptop.local", "192.0.2.1", "::1"}))


def scope(*headers: tuple[str, str]) -> dict[str, Any]:
    return {"headers": [(k.encode(), v.encode()) for k, v in headers]}


@pytest.mark.parametrize("host", ["laptop.local", "Laptop.local:8443", "192.0.2.1:1", "[::1]:8443"])
def test_our_names_pass_with_any_port(host: str):
    check(scope(("host", host)), OURS)
    check(scope(("host", host), ("origin", f"https://{host}")), OURS)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("host", "evil.example"),),
        (("host", "evil.example:8443"),),
        (("host", "laptop.local"), ("host", "evil.example")),
        (("host", "laptop.local.evil.example"),),
        (("host", ""),),
    ],
)
def test_other_hosts_do_not(headers: tuple[tuple[str, str], ...]):
    with pytest.raises(BadRequest):
        check(scope(*headers), OURS)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://laptop.local:8443",
        "https://laptop.local",
        "https://192.0.2.1:8443",
    ],
)
def test_other_origins_do_not(origin: str):
    with pytest.raises(Denied):
        check(scope(("host", "laptop.local:8443"), ("origin", origin)), OURS)


def test_a_tunnels_name_passes_when_it_was_learned():
    with pytest.raises(BadRequest):
        check(scope(("host", "t.example")), OURS)
    assert check(scope(("host", "t.example")), OURS, frozenset({"t.example"})) == "t.example"


async def test_at_both_doors(registry: RegistryHarness):
    answer = await http_call(registry, "GET", "/healthz", host="evil.example")
    assert answer.status == 400
    answer = await http_call(registry, "GET", "/healthz", origin="https://evil.example")
    assert answer.status == 403
    with pytest.raises(InvalidStatus) as found:
        await dial(registry, origin="https://evil.example")
    assert found.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as found:
        await dial(registry, additional_headers={"Host": "evil.example"})
    assert found.value.response.status_code == 400
    same = await dial(registry, origin=registry.url)
    assert same.challenge["nonce"]


async def test_no_log_has_a_query(registry: RegistryHarness, caplog: Any):
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "chatixia"):
        await http_call(registry, "GET", "/healthz?token=verysecret")
        url = registry.url.replace("http", "ws") + "/ws?token=verysecret"
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus

        with pytest.raises(InvalidStatus, match="403"):  # without `compat` no token opens it
            await connect(url)
    assert "GET /healthz 200" in caplog.text
    ours = [r for r in caplog.records if r.name.startswith(("chatixia", "uvicorn"))]
    assert ours and not any("verysecret" in r.getMessage() for r in ours)
