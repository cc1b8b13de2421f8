"""Who is in the list, how well, and who may say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import revoke
from chatixia.core.ports import Principal
from chatixia.core.presence import FORGET_SECONDS
from chatixia.errors import NameTaken
from chatixia.ids import AgentId
from chatixia.registry.call import Listener, RequestContext
from chatixia.registry.live import endpoint
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Beat, KeyCreate, KeyRef
from tests.registry.doors import Peer, agent, dial, enrolled, http_call, login, person, token_of


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


async def test_the_servers_of_mcp_that_an_agent_names_are_listed(registry: RegistryHarness):
    a = await agent(registry, "a", "x", mcp_servers=["files", "tickets"])
    listed = (await a.verb("agents.get", agent_id="a"))["body"]["capabilities"]
    assert (listed["mcp_servers"], listed["skills"]) == (["files", "tickets"], ["x"])


async def test_the_described_agents_register_beat_and_leave(registry: RegistryHarness):
    key = (await registry.running.service.trust.keys.create(person(), KeyCreate("polling"))).key
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


async def test_pages_end_by_bytes_too_and_lead_on(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    a = await agent(registry, "a")
    fat = [{"name": f"skill{n}", "description": "x" * 1000} for n in range(256)]
    for name in "bcdef":
        await login(registry, await enrolled(registry, name), skills=fat)
    page = (await a.verb("agents.list"))["body"]
    assert [r["agent_id"] for r in page["agents"]] == ["a", "b", "c", "d"]
    rest = (await a.verb("agents.list", cursor=page["next"]))["body"]
    assert [r["agent_id"] for r in rest["agents"]] == ["e", "f"] and not rest.get("next")
    monkeypatch.setattr(endpoint, "BYTES_PER_FRAME", 4_500)
    late = await agent(registry, "late")
    pages = [await late.next("peer_list") for _ in range(5)]
    assert [p["id"] for page in pages for p in page["peers"]] == ["a", "b", "c", "d", "e", "f"]
    assert [bool(page.get("next")) for page in pages] == [True] * 4 + [False]
    path, seen, bearer = "/api/registry/agents", [], f"Bearer {await token_of(a)}"
    while path:
        answer = await http_call(registry, "GET", path, authorization=bearer)
        seen += [record["agent_id"] for record in answer.json]
        path = answer.headers.get("link", "").partition(">")[0][1:]
    assert seen == ["a", "b", "c", "d", "e", "f", "late"]


async def names(registry: RegistryHarness) -> list[str]:
    return [record.agent_id for record in registry.running.service.directory.records()]


async def test_the_revoked_leave_the_list_at_once(registry: RegistryHarness):
    """Connected, away or polling; also if their end of the socket never answers the close."""
    away, held = await agent(registry, "away"), await agent(registry, "held")
    good = await agent(registry, "good")
    key = (await registry.running.service.trust.keys.create(person(), KeyCreate("polling"))).id
    await http_call(
        registry,
        "POST",
        "/api/hub/heartbeat",
        {"agent_id": "quiet"},
        authorization=f"Bearer {await token_of(await leaver(registry, 'quiet'))}",
    )
    registry.running.service.directory.beat(
        RequestContext(Principal(AgentId("polling"), "key"), "?", Listener()), Beat("polling")
    )
    away.ws.transport.abort()
    await good.next("peer_left", peer_id="away")
    assert await names(registry) == ["away", "good", "held", "polling", "quiet"]
    held.ws.transport.pause_reading()
    for name in ("away", "held", "quiet"):
        await asyncio.to_thread(revoke, registry.profile, name)
        assert name not in await names(registry)
    await good.next("peer_left", peer_id="held")
    await registry.running.service.trust.keys.revoke(person(), KeyRef(key))
    assert await names(registry) == ["good"]
    held.ws.transport.resume_reading()
    await held.closed()
    assert await names(registry) == ["good"]
    with pytest.raises(NameTaken):
        await registry.running.service.trust.keys.create(person(), KeyCreate("good"))
    for name in ("away", "held", "quiet"):
        assert (await good.verb("serial", id=name))["body"]["revoked"]


async def leaver(registry: RegistryHarness, name: str) -> Peer:
    """A member that said goodbye; its token still holds."""
    peer = await agent(registry, name)
    await peer.send(type="goodbye")
    await peer.closed()
    return peer


async def test_a_revoked_machine_takes_its_agents_out_of_the_list(
    registry: RegistryHarness, tmp_path: Path
):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    pi = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    good = await agent(registry, "good")
    for name in ("lost", "there"):
        peer = await login(registry, await enrolled(registry, name, profile=pi))
        if name == "lost":
            peer.ws.transport.abort()
            await good.next("peer_left", peer_id="lost")
    assert await names(registry) == ["good", "lost", "there"]
    await asyncio.to_thread(revoke, registry.profile, "pi")
    assert await names(registry) == ["good"]
    await good.next("peer_left", peer_id="there")
    assert await names(registry) == ["good"]


async def test_a_removed_agent_is_gone_with_the_answer(registry: RegistryHarness):
    member = await agent(registry, "a")
    bearer = f"Bearer {await token_of(member)}"
    path = "/api/registry/agents/a"
    assert (await http_call(registry, "DELETE", path, authorization=bearer)).status == 200
    assert await names(registry) == []
    assert (await http_call(registry, "DELETE", path, authorization=bearer)).status == 404


async def test_who_is_away_too_long_is_forgotten(registry: RegistryHarness):
    a, b = await agent(registry, "a"), await agent(registry, "b")
    b.ws.transport.abort()
    await a.next("peer_left")
    directory = registry.running.service.directory
    for past, listed in ((FORGET_SECONDS - 60, True), (FORGET_SECONDS + 1, False)):
        now = registry.running.store.now() + past
        directory._away._now = lambda now=now: now  # type: ignore[misc]
        assert (directory.record("b") is not None) is listed
        assert ("b" in await names(registry)) is listed


async def test_a_keyless_login_does_not_hide_the_polling_agent_behind_it(
    registry: RegistryHarness,
):
    key = (await registry.running.service.trust.keys.create(person(), KeyCreate("polling"))).key
    asker = await agent(registry, "asker")
    peer = await dial(registry)
    await peer.send(type="register", peer_id="polling", api_key=key)
    await peer.next("welcome")
    made = await asker.verb("tasks.submit", skill="x", payload={"plain": 1})
    beat = {"agent_id": "polling", "skill_names": ["x"]}
    answer = await http_call(registry, "POST", "/api/hub/heartbeat", beat, x_api_key=key)
    assert [task["id"] for task in answer.json["pending_tasks"]] == [made["body"]["task_id"]]
    assert await names(registry) == ["asker", "polling"]


async def test_silence_of_a_poller_is_judged(registry: RegistryHarness):
    key = (await registry.running.service.trust.keys.create(person(), KeyCreate("polling"))).key
    record = {"agent_id": "polling", "hostname": "h"}
    await http_call(registry, "POST", "/api/registry/agents", record, x_api_key=key)
    directory = registry.running.service.directory
    for silent, health in ((0.0, "active"), (100.0, "stale"), (300.0, "offline")):
        directory._pollers._pollers["polling"].last_beat = directory._now() - silent
        found = directory.record("polling")
        assert found and found.health == health
    await asyncio.sleep(0)
