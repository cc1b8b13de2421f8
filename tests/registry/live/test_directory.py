"""Who is in the list, how well, and who may say so."""

from __future__ import annotations

import asyncio

from chatixia.registry.live.directory import rfc3339
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate
from tests.registry.doors import agent, http_call, person, token_of


async def test_agents_come_in_pages_and_by_skill(registry: RegistryHarness):
    a = await agent(registry, "a", "x")
    for name in ("b", "c"):
        await agent(registry, name, "x", "y")
    page = (await a.verb("agents.list", limit=2))["body"]
    assert [r["agent_id"] for r in page["agents"]] == ["a", "b"] and page["next"] == "b"
    rest = (await a.verb("agents.list", limit=2, cursor=page["next"]))["body"]
    assert [r["agent_id"] for r in rest["agents"]] == ["c"] and not rest.get("next")
    found = (await a.verb("agents.list", skill="y"))["body"]["agents"]
    assert [r["agent_id"] for r in found] == ["b", "c"]
    assert found[0]["health"] == "active" and found[0]["trust"] == "owner"
    routed = {(await a.verb("agents.route", skill="x"))["body"]["agent_id"] for _ in range(4)}
    assert routed == {"b", "c"}
    assert (await a.verb("agents.route", skill="none"))["code"] == "unknown_skill"
    assert (await a.verb("agents.get", agent_id="nobody"))["code"] == "not_found"


async def test_a_lost_socket_shows_at_once_and_a_goodbye_leaves_nothing(registry: RegistryHarness):
    a, b, c = [await agent(registry, name) for name in "abc"]
    b.ws.transport.abort()
    assert (await a.next("peer_left"))["peer_id"] == "b"
    assert (await a.verb("agents.get", agent_id="b"))["body"]["health"] == "offline"
    await c.send(type="goodbye")
    assert (await a.next("peer_left", peer_id="c"))["clean"]
    assert (await a.verb("agents.get", agent_id="c"))["code"] == "not_found"


async def test_the_described_agents_register_beat_and_leave(registry: RegistryHarness):
    key = (await registry.running.service.keys.create(person(), KeyCreate("polling"))).key
    member = await agent(registry, "a")
    record = {"agent_id": "polling", "hostname": "h", "capabilities": {"skills": ["old"]}}
    done = await http_call(registry, "POST", "/api/registry/agents", record, x_api_key=key)
    assert done.json == {"status": "ok"}
    listed = (await http_call(registry, "GET", "/api/registry/agents", x_api_key=key)).json
    assert {r["agent_id"]: r["trust"] for r in listed} == {"a": "owner", "polling": "unverified"}
    beat = {"agent_id": "polling", "hostname": "h", "skill_names": ["new"]}
    answer = await http_call(registry, "POST", "/api/hub/heartbeat", beat, x_api_key=key)
    assert answer.json["status"] == "ok"
    one = await http_call(registry, "GET", "/api/registry/agents/polling", x_api_key=key)
    assert one.json["capabilities"]["skills"] == ["new"]
    for path, body in (
        ("/api/registry/agents", {"agent_id": "a", "hostname": "h"}),
        ("/api/hub/heartbeat", {"agent_id": "a"}),
        ("/api/registry/agents", {"agent_id": "another", "hostname": "h"}),
    ):
        answer = await http_call(registry, "POST", path, body, x_api_key=key)
        assert (answer.status, answer.code) == (403, "denied")
    path = "/api/registry/agents/polling"
    bearer = f"Bearer {await token_of(member)}"
    assert (await http_call(registry, "DELETE", path, authorization=bearer)).status == 403
    assert (await http_call(registry, "DELETE", path, x_api_key=key)).status == 200
    assert (await http_call(registry, "DELETE", path, x_api_key=key)).status == 404


async def test_silence_of_a_poller_is_judged(registry: RegistryHarness):
    key = (await registry.running.service.keys.create(person(), KeyCreate("polling"))).key
    record = {"agent_id": "polling", "hostname": "h"}
    await http_call(registry, "POST", "/api/registry/agents", record, x_api_key=key)
    directory = registry.running.service.directory
    for silent, health in ((0.0, "active"), (100.0, "stale"), (300.0, "offline")):
        directory._pollers._known["polling"].seen = directory._now() - silent
        found = directory.record("polling")
        assert found and found.health == health
    await asyncio.sleep(0)


def test_times_are_rfc_3339():
    assert rfc3339(0) == "1970-01-01T00:00:00.000+00:00"
