"""The list of agents: paged, kept for a second, and longer while the registry is away."""

from __future__ import annotations

import pytest

from chatixia.client.call_context import CallContext
from chatixia.client.directory import FRESH_S, MAX_LISTS, AgentDirectory
from chatixia.errors import RegistryUnreachable
from chatixia.testing.clock import FakeWorld
from chatixia.wire.registry import AgentQuery, AgentRecord, Agents
from tests.agent.loopback import Net


class Registry:
    """Answers ``agents.list`` in pages of two."""

    def __init__(self, *names: str) -> None:
        self.rows = [AgentRecord(n, health="active" if n != "ill" else "stale") for n in names]
        self.asked = 0
        self.up = True
        self.world = FakeWorld()
        net = Net()
        net.verbs["agents.list"] = self.list
        self.directory = AgentDirectory(CallContext(net.port("a"), self.world))

    def list(self, query: AgentQuery) -> Agents:
        if not self.up:
            raise RegistryUnreachable
        self.asked += 1
        start = int(query.cursor or 0)
        more = start + 2 < len(self.rows)
        return Agents(self.rows[start : start + 2], next=str(start + 2) if more else "")


async def test_every_page():
    registry = Registry("a", "b", "c", "d", "e")
    assert [r.agent_id for r in await registry.directory.agents()] == list("abcde")
    assert registry.asked == 3


async def test_kept_for_a_second():
    registry = Registry("a")
    for _ in range(3):
        await registry.directory.having("f")
    assert registry.asked == 1
    registry.world.now += FRESH_S + 0.1
    await registry.directory.having("f")
    assert registry.asked == 2


async def test_only_the_active():
    registry = Registry("a", "ill")
    assert [r.agent_id for r in await registry.directory.having("f")] == ["a"]


async def test_without_a_registry_the_last_list_answers():
    registry = Registry("a")
    await registry.directory.having("f")
    registry.up = False
    registry.world.now += 3600
    assert [r.agent_id for r in await registry.directory.having("f")] == ["a"]
    with pytest.raises(RegistryUnreachable):
        await registry.directory.having("g")
    with pytest.raises(RegistryUnreachable):
        await registry.directory.agents("f")


async def test_lists_are_bounded():
    registry = Registry("a")
    for n in range(MAX_LISTS + 9):
        await registry.directory.having(f"s{n}")
    assert len(registry.directory._lists) == MAX_LISTS
