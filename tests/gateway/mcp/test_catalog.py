"""What a host sees of the mesh: as chosen, as it is now, and read anew only where it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import msgspec
import pytest

from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh
from chatixia.errors import NotFound, RegistryUnreachable
from chatixia.gateway.mcp import catalog
from chatixia.gateway.mcp.catalog import MeshCatalog, SkillFilter, object_schema
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentRecord, Agents, Capabilities
from tests.agent.loopback import Net
from tests.until import until

EVERY = SkillFilter()


def record(name: str, *skills: str, **more: Any) -> AgentRecord:
    return AgentRecord(name, skills=[SkillInfo(skill) for skill in skills], **more)


class Room:
    """A catalog before a registry that a test writes."""

    def __init__(self, choice: SkillFilter = EVERY) -> None:
        self.records = {one.agent_id: one for one in (record("a", "x", "y"), record("b", "x"))}
        self.asked: list[str] = []
        self.fails: list[Exception] = []
        net = Net()
        net.verbs = {"agents.list": self._list, "agents.get": self._get}
        self.changes = 0
        self.told: list[str] = []
        self.catalog = MeshCatalog(Mesh(CallContext(net.port("me"))), choice, self._changed)

    def _list(self, query: msgspec.Struct) -> Agents:
        self.asked.append("")
        if self.fails:
            raise self.fails.pop()
        return Agents(list(self.records.values()))

    def _get(self, ref: Any) -> AgentRecord:
        self.asked.append(ref.agent_id)
        if ref.agent_id not in self.records:
            raise NotFound
        return self.records[ref.agent_id]

    def _changed(self, agents: Collection[str]) -> None:
        self.changes += 1
        self.told = sorted(agents)


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (SkillFilter(), ["a-_x", "a-_y", "b-_x"]),
        (SkillFilter(("x",)), ["a-_x", "b-_x"]),
        (SkillFilter(("a/*",)), ["a-_x", "a-_y"]),
        (SkillFilter(("b/*", "y")), ["a-_y", "b-_x"]),
        (SkillFilter(("*/?",), agent="a"), ["x", "y"]),
        (SkillFilter(("A/*",)), []),
    ],
)
async def test_what_was_chosen(choice: SkillFilter, names: list[str]):
    room = Room(choice)
    await room.catalog._read()
    assert list(room.catalog.skills) == names
    seen = {one.agent for one in room.catalog.skills.values()}
    assert {one.agent_id for one in room.catalog.offered} == seen


async def test_only_who_is_there():
    room = Room()
    room.records["a"].health = "offline"
    room.records["c"] = record("c", capabilities=Capabilities(["told"]))
    await room.catalog._read()
    assert list(room.catalog.skills) == ["b-_x", "c-_told"]


async def test_only_what_was_heard_of_is_read_again():
    room = Room()
    await room.catalog._read()
    assert (room.asked, room.changes) == ([""], 1)
    room.records["b"] = record("b", "z")
    room.catalog.changed("b")
    room.catalog.changed("gone")
    await room.catalog._read()
    assert sorted(room.asked) == ["", "b", "gone"]
    assert list(room.catalog.skills) == ["a-_x", "a-_y", "b-_z"]
    del room.records["a"]
    room.catalog.changed("a")
    await room.catalog._read()
    assert (list(room.catalog.skills), room.changes) == (["b-_z"], 3)


async def test_what_did_not_change_is_no_change():
    room = Room()
    await room.catalog._read()
    assert room.told == ["a", "b"]
    room.records["b"] = record("b", "x", last_heartbeat="later")
    room.catalog.changed("b")
    await room.catalog._read()
    assert room.changes == 1
    assert room.catalog.agents["b"].last_heartbeat == "later"
    room.records["b"] = record("b", "x", slots=7)
    room.catalog.changed("b")
    await room.catalog._read()
    assert (room.changes, room.told) == (2, ["b"])


async def test_many_that_changed_are_one_list():
    room = Room()
    for n in range(catalog.MOST_SINGLE + 1):
        room.catalog.changed(f"n{n}")
    room.catalog._dirty.discard("")
    await room.catalog._read()
    assert room.asked == [""]


async def test_a_registry_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catalog, "AGAIN_S", 0.01)
    room = Room()
    room.fails = [RegistryUnreachable(), RegistryUnreachable()]
    following = asyncio.ensure_future(room.catalog.follow())
    try:
        await room.catalog.ready(5)
        assert len(room.catalog.skills) == 3
        room.records["c"] = record("c", "x")
        room.catalog.changed("c")
        await until(lambda: "c-_x" in room.catalog.skills)
    finally:
        following.cancel()
        await asyncio.wait([following])


async def test_who_only_polls_is_found_by_looking(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catalog, "LOOK_S", 0.01)
    room = Room()
    following = asyncio.ensure_future(room.catalog.follow())
    try:
        await room.catalog.ready(5)
        room.records["c"] = record("c", "x")
        await until(lambda: "c-_x" in room.catalog.skills)
    finally:
        following.cancel()
        await asyncio.wait([following])


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"type":"string"}', b"{", b"[" * 5000, b"null"]
)
def test_a_schema_of_no_object_is_that_of_any(raw: bytes):
    assert object_schema(SkillInfo("x", parameters=msgspec.Raw(raw))) == {"type": "object"}
