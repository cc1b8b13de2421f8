"""Who is in the mesh and has which skill: the registry's list, kept for a second.

While the registry is away the last list answers, however old: connected agents keep calling each
other (promise 2).
"""

from __future__ import annotations

from typing import Final

from chatixia.errors import Unreachable
from chatixia.wire.registry import AgentQuery, AgentRecord, Agents

from .call_context import CallContext

FRESH_S: Final = 1.0
MAX_LISTS: Final = 64
MAX_PAGES: Final = 100
PAGE: Final = 200


class AgentDirectory:
    """The listed agents, by skill."""

    def __init__(self, door: CallContext) -> None:
        self._door = door
        self._lists: dict[str, tuple[float, list[AgentRecord]]] = {}

    async def agents(self, skill: str = "", timeout: float = 10.0) -> list[AgentRecord]:
        """All listed agents (with ``skill``, if named), by id; read from the registry now."""
        found: list[AgentRecord] = []
        cursor = ""
        for _ in range(MAX_PAGES):
            page: Agents = await self._door.port.verb(
                "agents.list",
                AgentQuery(skill=skill, cursor=cursor, limit=PAGE),
                self._door.budget(timeout),
            )
            found += page.agents
            cursor = page.next
            if not cursor:
                break
        self._keep(skill, found)
        return found

    async def having(self, skill: str, timeout: float = 10.0) -> list[AgentRecord]:
        """The active agents with ``skill``; a list of at most a second ago will do."""
        at, kept = self._lists.get(skill, (0.0, None))
        if kept is None or self._door.world.monotonic() - at > FRESH_S:
            kept = await self._refresh(skill, kept, timeout)
        return [agent for agent in kept if agent.health == "active"]

    async def _refresh(
        self, skill: str, kept: list[AgentRecord] | None, timeout: float
    ) -> list[AgentRecord]:
        try:
            return await self.agents(skill, timeout)
        except Unreachable:
            if kept is None:
                raise
            return kept

    def _keep(self, skill: str, found: list[AgentRecord]) -> None:
        if len(self._lists) >= MAX_LISTS and skill not in self._lists:
            self._lists.pop(next(iter(self._lists)))
        self._lists[skill] = (self._door.world.monotonic(), found)
