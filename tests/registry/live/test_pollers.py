"""Described agents: what they said stays until they say otherwise, and nobody takes a name."""

from __future__ import annotations

from typing import Any

import pytest

from chatixia.core.ports import Principal
from chatixia.core.presence import FORGET_SECONDS
from chatixia.errors import Denied, Overloaded
from chatixia.ids import AgentId
from chatixia.registry.call import Listener, RequestContext
from chatixia.registry.live.pollers import Pollers
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Beat, Capabilities, KeyCreate, RegisterAgent
from tests.registry.doors import agent, http_call, person, token_of

SAID: dict[str, Any] = {
    "agent_id": "polling",
    "hostname": "box",
    "ip": "10.0.0.7",
    "port": 9000,
    "status": "idle",
    "mode": "interactive",
    "sidecar_peer_id": "polling-sidecar",
    "capabilities": {
        "skills": ["a", "b"],
        "mcp_servers": ["files"],
        "goals_count": 3,
        "mode": "interactive",
    },
}


def by(name: str, ip: str = "192.0.2.5") -> RequestContext:
    return RequestContext(
        Principal(AgentId(name), "key", trust="unverified"), ip, Listener(), ip=ip
    )


class Shelf:
    """Pollers under a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.others: set[str] = set()
        self.pollers = Pollers(lambda: self.now, self.others.__contains__)

    def beat(self, name: str, **more: Any) -> list[str]:
        return self.pollers.beat(by(name), Beat(name, **more))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def polling(registry: RegistryHarness, name: str = "polling") -> str:
    return (await registry.running.service.trust.keys.create(person(), KeyCreate(name))).key


async def test_a_heartbeat_leaves_what_it_does_not_carry(registry: RegistryHarness):
    key = await polling(registry)

    async def seen() -> dict[str, Any]:
        path = "/api/registry/agents/polling"
        record = (await http_call(registry, "GET", path, x_api_key=key)).json
        return {name: record[name] for name in SAID}

    assert (
        await http_call(registry, "POST", "/api/registry/agents", SAID, x_api_key=key)
    ).status == 200
    for said in ({}, {"hostname": "", "mode": "", "status": "", "sidecar_peer_id": ""}):
        beat = {"agent_id": "polling", **said}
        await http_call(registry, "POST", "/api/hub/heartbeat", beat, x_api_key=key)
        assert await seen() == SAID
    beat = {
        "agent_id": "polling",
        "ip": "10.0.0.8",
        "port": 1,
        "skill_names": ["c"],
        "goals_count": 0,
        "mode": "busy",
    }
    await http_call(registry, "POST", "/api/hub/heartbeat", beat, x_api_key=key)
    changed = await seen()
    assert (changed["ip"], changed["port"], changed["mode"]) == ("10.0.0.8", 1, "busy")
    assert changed["capabilities"] == {
        "skills": ["c"],
        "mcp_servers": ["files"],
        "goals_count": 0,
        "mode": "busy",
    }


def test_a_first_heartbeat_lists_an_agent_with_the_described_defaults(shelf: Shelf):
    shelf.beat("polling")
    record = shelf.pollers.record("polling")
    assert record and (record.port, record.hostname, record.health) == (8000, "", "active")


def test_an_empty_list_of_skills_is_carried(shelf: Shelf):
    shelf.beat("polling", skill_names=["a"])
    assert shelf.beat("polling") == ["a"]
    assert shelf.beat("polling", skill_names=[]) == []


def test_an_address_is_what_the_agent_says_or_where_it_is_heard_from(shelf: Shelf):
    shelf.pollers.register(by("polling"), RegisterAgent("polling", "h"))
    record = shelf.pollers.record("polling")
    assert record and record.ip == "192.0.2.5"
    shelf.pollers.beat(by("polling", "192.0.2.6"), Beat("polling"))
    record = shelf.pollers.record("polling")
    assert record and record.ip == "192.0.2.6"
    shelf.beat("polling", ip="10.1.1.1")
    shelf.beat("polling")
    record = shelf.pollers.record("polling")
    assert record and record.ip == "10.1.1.1"


async def test_no_agent_says_that_it_is_another_ones_peer(registry: RegistryHarness):
    key, other = await polling(registry), await polling(registry, "other")
    await agent(registry, "weather")
    await http_call(registry, "POST", "/api/hub/heartbeat", {"agent_id": "other"}, x_api_key=other)
    for name in ("weather", "other"):
        record = {"agent_id": "polling", "hostname": "h", "sidecar_peer_id": name}
        for path in ("/api/registry/agents", "/api/hub/heartbeat"):
            answer = await http_call(registry, "POST", path, record, x_api_key=key)
            assert (answer.status, answer.code) == (403, "denied"), path
    listed = (await http_call(registry, "GET", "/api/registry/agents", x_api_key=key)).json
    assert sorted((r["agent_id"], r["sidecar_peer_id"]) for r in listed) == [
        ("other", ""),
        ("weather", "weather"),
    ]


def test_who_has_the_name_by_right_may_come_later(shelf: Shelf):
    shelf.pollers.register(by("a"), RegisterAgent("a", "h", sidecar_peer_id="a-sidecar"))
    shelf.others.add("a-sidecar")
    record = shelf.pollers.record("a")
    assert record and record.sidecar_peer_id == "a"
    with pytest.raises(Denied):
        shelf.beat("a", sidecar_peer_id="a-sidecar")


def test_the_polling_agents_of_one_machine_leave_room_for_others(shelf: Shelf):
    shelf.pollers._shares.total = 64
    greedy = Principal(AgentId("pi"), "machine", machine="pi")

    def beat(n: int) -> None:
        shelf.pollers.beat(RequestContext(greedy, "192.0.2.6", Listener()), Beat(f"g{n}"))

    with pytest.raises(Overloaded) as raised:
        for n in range(64):
            beat(n)
    assert raised.value.retry_after and len(shelf.pollers.ids()) == 48
    beat(3)  # who is in the list already goes on
    shelf.beat("honest")
    assert shelf.pollers.drop("g3") and not shelf.pollers.drop("g3")
    assert (shelf.pollers._shares.by_holder["pi"], shelf.pollers._shares.used) == (47, 48)


def test_the_silent_are_forgotten_after_a_day_and_make_room_before(shelf: Shelf):
    shelf.pollers._shares.total = 2
    shelf.beat("a")
    shelf.now += 200
    shelf.beat("b")
    with pytest.raises(Overloaded):
        shelf.beat("c")
    shelf.now += 100  # a is offline now
    shelf.beat("c")
    assert shelf.pollers.ids() == ["b", "c"]
    shelf.now += FORGET_SECONDS - 100
    assert shelf.pollers.record("b") is None and shelf.pollers.record("c")
    assert shelf.pollers.ids() == ["c"] and "b" not in shelf.pollers


async def test_a_member_without_a_socket_may_poll_and_keeps_its_trust(registry: RegistryHarness):
    member = await agent(registry, "quiet")
    bearer = f"Bearer {await token_of(member)}"
    record = {"agent_id": "quiet", "hostname": "h", "mode": "said over REST"}
    path = "/api/registry/agents"
    await http_call(registry, "POST", path, record, authorization=bearer)
    [seen] = (await http_call(registry, "GET", path, authorization=bearer)).json
    assert seen["mode"] == ""  # while it is connected, its login is what counts
    await member.send(type="goodbye")
    await member.closed()
    assert (await http_call(registry, "GET", path, authorization=bearer)).json == []
    await http_call(registry, "POST", path, record, authorization=bearer)
    [seen] = (await http_call(registry, "GET", path, authorization=bearer)).json
    assert (seen["trust"], seen["machine"]) == ("owner", registry.profile.machine)


def test_a_registration_replaces_the_one_before(shelf: Shelf):
    first = RegisterAgent("a", "h", capabilities=Capabilities(["x"], goals_count=2))
    shelf.pollers.register(by("a"), first)
    shelf.now += 5
    shelf.pollers.register(by("a"), RegisterAgent("a", "h"))
    record = shelf.pollers.record("a")
    assert record and record.capabilities == Capabilities()
    assert record.registered_at == "1970-01-01T00:16:45.000+00:00"
