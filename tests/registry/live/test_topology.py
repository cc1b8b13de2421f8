"""Edges are what both ends measured; a lost socket takes its links along."""

from __future__ import annotations

from typing import Any

from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate
from tests.registry.doors import Peer, agent, dial, person


async def report(peer: Peer, to: str, **more: Any) -> None:
    link = {"peer": to, "tier": "direct", "link": "L1", "rtt_ms": 0.4, **more}
    await peer.send(type="links", links=[link])
    await peer.send(type="ping", id="done")
    await peer.next("pong")


async def test_a_link_is_confirmed_by_both_ends(registry: RegistryHarness):
    a, b = await agent(registry, "a"), await agent(registry, "b")
    await report(a, "b")
    edges = (await a.verb("topology"))["body"]["mesh_edges"]
    assert edges == [
        {"from_peer": "a", "to_peer": "b", "tier": "direct", "rtt_ms": 0.4, "link": "L1"}
    ]
    await report(b, "a")
    body = (await a.verb("topology"))["body"]
    assert body["mesh_edges"][0]["confirmed"]
    assert {n["agent_id"]: n["mesh_peers"] for n in body["nodes"]} == {"a": ["b"], "b": ["a"]}
    assert (await a.verb("status"))["body"]["links"] == 1
    await report(b, "a", link="L2")
    assert "confirmed" not in (await a.verb("topology"))["body"]["mesh_edges"][0]
    await b.send(type="goodbye")
    await a.next("peer_left")
    await report(a, "x")
    assert len((await a.verb("topology"))["body"]["mesh_edges"]) == 1


async def test_an_edge_says_how_each_end_speaks_to_turn(registry: RegistryHarness):
    a, b = await agent(registry, "a"), await agent(registry, "b")
    await report(a, "b", tier="turn", relay="tcp")
    await report(b, "a", tier="turn", relay="udp")
    [edge] = (await a.verb("topology"))["body"]["mesh_edges"]
    assert edge["confirmed"] and edge["relay"] == "tcp,udp"
    for peer, to in ((a, "b"), (b, "a")):
        await report(peer, to, tier="turn", relay="x" * 64)
    assert "relay" not in (await a.verb("topology"))["body"]["mesh_edges"][0]


async def test_a_link_over_the_relay_is_an_edge_like_any(registry: RegistryHarness):
    a, b = await agent(registry, "a"), await agent(registry, "b")
    await report(a, "b", tier="relay")
    await report(b, "a", tier="direct")
    assert "confirmed" not in (await a.verb("topology"))["body"]["mesh_edges"][0]
    await report(b, "a", tier="relay")
    [edge] = (await a.verb("topology"))["body"]["mesh_edges"]
    assert edge["tier"] == "relay" and edge["confirmed"] and "relay" not in edge


async def test_nobody_confirms_a_link_alone(registry: RegistryHarness):
    a = await agent(registry, "a")
    twice = [{"peer": peer, "tier": "direct", "link": "L1"} for peer in ("b", "b", "a")]
    await a.send(type="links", links=twice)
    [edge] = (await a.verb("topology"))["body"]["mesh_edges"]
    assert (edge["from_peer"], edge["to_peer"]) == ("a", "b") and "confirmed" not in edge


async def test_who_has_no_key_reports_no_links(registry: RegistryHarness):
    key = (await registry.running.service.trust.keys.create(person(), KeyCreate("script"))).key
    script = await dial(registry)
    await script.send(type="register", peer_id="script", api_key=key)
    await script.send(type="links", links=[{"peer": "a", "tier": "direct"}])
    assert (await script.next("error", ref="links"))["code"] == "denied"
    assert not (await script.verb("topology"))["body"]["mesh_edges"]
