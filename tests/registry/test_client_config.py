"""What a client needs to connect is there, at both doors."""

from __future__ import annotations

from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import agent, http_call, token_of


async def test_the_described_ice_servers_are_there_also_when_there_are_none(
    registry: RegistryHarness,
):
    asker = await agent(registry, "asker")
    bearer = f"Bearer {await token_of(asker)}"
    reach = registry.running.service._reach
    servers: list[dict[str, str | list[str]]]
    for servers in ([], [{"urls": ["stun:192.0.2.1:3478"]}]):
        reach.ice = servers
        answer = await http_call(registry, "GET", "/api/config", authorization=bearer)
        assert answer.json["iceServers"] == servers


async def test_a_login_gets_addresses_and_a_token(registry: RegistryHarness):
    peer = await agent(registry, "asker")
    frame = await peer.next("config")
    assert registry.url in frame["addresses"] and frame["token"]
    socket = registry.running.service.roster.get("asker")
    assert socket is not None
    socket.not_after = 1.0  # its membership is over: no token any more
    assert registry.running.service.config.frame(socket).token == ""
