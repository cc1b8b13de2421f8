"""A call knows its principal; addresses are named to whom they serve."""

from __future__ import annotations

import pytest

from chatixia.core.ports import Principal
from chatixia.errors import Unauthorized
from chatixia.ids import AgentId
from chatixia.registry.call import Listener, RegistryReach, RequestContext, from_principal, host_of


def test_an_open_call_is_nobodys():
    with pytest.raises(Unauthorized):
        _ = RequestContext(None, "?", Listener()).caller


async def test_a_handler_of_principals_gets_one():
    async def whoami(who: Principal, request: int) -> tuple[str, int]:
        return who.id, request

    me = Principal(AgentId("a"), "agent")
    assert await from_principal(whoami)(RequestContext(me, "?", Listener()), 7) == ("a", 7)


def test_loopback_is_named_to_this_machine_only():
    reach = RegistryReach(
        ["http://127.0.0.1:8080", "https://192.0.2.1:8443"], ["https://t.example"]
    )
    assert reach.urls(True) == [*reach.addresses, *reach.via]
    assert reach.urls(False) == ["https://192.0.2.1:8443", "https://t.example"]
    assert reach.hosts() == {"t.example"}


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://A.example:8443/x", "a.example"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("[::1]:8080", "::1"),
        ("http://[2001:db8::1]:8443", "2001:db8::1"),
        ("localhost", "localhost"),
    ],
)
def test_a_host_without_its_port(text: str, host: str):
    assert host_of(text) == host
