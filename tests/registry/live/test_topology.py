"""Edges are what both ends measured; a lost socket takes its links along."""

from __future__ import annotations

from typing import Any

from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import Peer, agent


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
