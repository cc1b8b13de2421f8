"""One login per agent, by epoch; skills, slots and watchers follow the sockets."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chatixia.core.ports import Principal
from chatixia.core.shares import ShareLimits
from chatixia.errors import Overloaded, Replaced, TooLarge
from chatixia.ids import AgentId
from chatixia.registry.live import roster as module
from chatixia.registry.live.roster import Roster
from chatixia.registry.live.socket import Socket
from chatixia.wire.peer import MAX_SKILL_BYTES, SkillInfo
from chatixia.wire.signaling import Event, Ping


def made(name: str, epoch: str = "1.1", kind: str = "agent", *skills: str) -> Socket:
    async def nowhere(message: object) -> None: ...

    socket = Socket(nowhere, "?")
    socket.principal, socket.epoch = Principal(AgentId(name), kind), epoch
    socket.learn(SkillInfo(skill) for skill in skills)
    return socket


def said(socket: Socket) -> list[dict[str, Any]]:
    return [json.loads(data) for data in socket._queue]


async def test_who_is_leaving_is_off_the_list_and_keeps_its_login():
    roster, changes, ended = Roster(), [], []
    roster.changed.append(lambda socket, change: changes.append((socket.id, change)))
    roster.ended.append(lambda socket, replaced: ended.append(socket.id))
    a, b = made("a", "1.1", "agent", "echo"), made("b")
    for one in (a, b):
        roster.admit(one)
    roster.leave(a)
    roster.leave(a)
    assert changes == [("a", "joined"), ("b", "joined"), ("a", "left")] and not ended
    assert [frame["type"] for frame in said(b)] == ["peer_left"] and said(b)[0]["clean"]
    assert roster.agents() == ["b"] and not a.slots
    assert roster.get("a") is a and roster.push("a", Ping("x"))
    assert roster.remove(a) and ended == ["a"] and len(said(b)) == 1
    roster.leave(made("c"))
    assert changes[-1] == ("a", "left")


async def test_the_higher_epoch_stays():
    roster, ended = Roster(), []
    roster.ended.append(lambda socket, replaced: ended.append((socket.epoch, replaced)))
    old, new = made("a", "5.9"), made("a", "5.10")
    roster.admit(old)
    roster.admit(new)
    assert roster.get("a") is new and old.closed and said(old)[-1]["code"] == "replaced"
    assert ended == [("5.9", True)]
    late = made("a", "5.2")
    with pytest.raises(Replaced):
        roster.admit(late)
    assert not roster.remove(old) and roster.get("a") is new
    assert roster.remove(new) and not roster.online("a")
    assert ended == [("5.9", True), ("5.10", False)]


async def test_a_new_store_generation_is_higher_than_any_old_epoch():
    roster = Roster()
    roster.admit(made("a", "1.999"))
    newer = made("a", "2.1")
    roster.admit(newer)
    assert roster.get("a") is newer


def able(roster: Roster, skill: str) -> list[str]:
    return [agent for agent in roster.agents() if skill in roster.skills(agent)]


async def test_skills_and_slots_are_found():
    roster = Roster()
    a, b = made("a", "1.1", "agent", "x", "y"), made("b", "1.2", "agent", "x")
    client = made("m~aaaaaa", "1.3", "client", "x")
    for socket in (a, b, client):
        socket.slots = 2
        roster.admit(socket)
    assert able(roster, "x") == ["a", "b"]
    roster.set_skills(a, [SkillInfo("z")])
    assert able(roster, "x") == ["b"] and roster.skills("a") == {"z"}
    assert said(b)[-1]["peer"]["skills"] == ["z"]
    roster.remove(b)
    assert able(roster, "x") == [] and list(roster.agents()) == ["a"]


async def test_an_unlisted_client_is_missed_by_whom_it_met_only():
    roster = Roster()
    met, stranger, client = made("met"), made("stranger"), made("m~aaaaaa", "1.1", "client")
    for socket in (met, stranger, client):
        roster.admit(socket)
    assert not any(f["type"] == "peer_joined" and "m~" in f["peer"]["id"] for f in said(met))
    client.contacts.add("met")
    roster.remove(client)
    assert said(met)[-1] == {"type": "peer_left", "peer_id": "m~aaaaaa", "epoch": "1.1"}
    assert not any(f["type"] == "peer_left" for f in said(stranger))


async def test_a_push_goes_to_one_login_or_to_all():
    roster = Roster()
    one, two = made("admin", "p.1", "person"), made("admin", "p.2", "person")
    roster.add_person(one)
    roster.add_person(two)
    assert roster.push("admin", Ping("1")) and roster.push("admin", Ping("2"), "p.2")
    assert [f["id"] for f in said(one)] == ["1"] and [f["id"] for f in said(two)] == ["1", "2"]
    assert not roster.push("admin", Ping("3"), "p.9") and not roster.push("nobody", Ping("4"))
    assert roster.remove(one) and not roster.push("admin", Ping("5"), "p.1")


def of(machine: str, name: str, epoch: str = "1.1") -> Socket:
    """A login of an agent that this machine signed."""
    socket = made(name, epoch)
    assert socket.principal
    socket.principal = replace(socket.principal, machine=machine)
    return socket


async def test_logins_have_a_share_per_machine():
    roster = Roster(ShareLimits(sockets=32))
    for n in range(24):
        roster.admit(of("greedy", f"g{n}"))
    with pytest.raises(Overloaded) as busy:
        roster.admit(of("greedy", "g24"))
    assert busy.value.retry_after
    roster.admit(of("greedy", "g0", "1.2"))  # the same login again adds none
    roster.admit(of("honest", "h0"))
    roster.admit(of("honest", "h1"))
    gone = roster.get("g1")
    assert gone and roster.remove(gone)
    for n in range(2, 25):
        other = roster.get(f"g{n}")
        assert other is None or roster.remove(other)
    roster.admit(of("greedy", "g24"))


def described(size: int) -> list[SkillInfo]:
    return [SkillInfo("s", parameters=msgspec.Raw(b'"' + b"x" * size + b'"'))]


async def test_schemas_have_a_share_per_machine_and_one_agents_are_bounded():
    roster = Roster(ShareLimits(schema_bytes=16_000))
    for n in range(5):
        socket = of("greedy", f"g{n}")
        socket.learn(described(2_000))
        roster.admit(socket)
    more = of("greedy", "more")
    more.learn(described(2_500))
    with pytest.raises(Overloaded) as busy:
        roster.admit(more)
    assert busy.value.retry_after
    first = roster.get("g0")
    assert first
    before = first.skills
    with pytest.raises(Overloaded):
        roster.set_skills(first, described(5_000))
    assert first.skills == before
    honest = of("honest", "h")
    honest.learn(described(900))
    roster.admit(honest)
    roster.set_skills(first, described(10))
    roster.admit(more)
    for socket in list(roster):
        roster.remove(socket)
    assert roster.schemas.used == 0
    huge = of("other", "o")
    huge.learn(described(MAX_SKILL_BYTES))
    with pytest.raises(TooLarge):
        Roster().admit(huge)


async def test_bounds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_WATCHERS", 4)
    roster = Roster()
    again = made("a")
    roster.admit(again)
    watchers = [again, made("a"), made("a")]
    for socket in watchers:
        roster.watch(socket)
    with pytest.raises(Overloaded):
        roster.watch(made("a"))
    roster.watch(made("c"))
    with pytest.raises(Overloaded):
        roster.watch(made("d"))
    roster.broadcast(Event("agent", "a", "joined", 1.0))
    assert said(again)[-1]["kind"] == "agent"
