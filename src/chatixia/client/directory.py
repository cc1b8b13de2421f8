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

    def __init__(self, context: CallContext) -> None:
        self._context = context
        self._lists: dict[str, tuple[float, list[AgentRecord]]] = {}

    async def agents(self, skill: str = "", timeout: float = 10.0) -> list[AgentRecord]:
        """All listed agents (with ``skill``, if named), by id; read from the registry now."""
        records: list[AgentRecord] = []
        cursor = ""
        for _ in range(MAX_PAGES):
            page: Agents = await self._context.verb(
                "agents.list",
                AgentQuery(skill=skill, cursor=cursor, limit=PAGE),
                timeout,
            )
            records += page.agents
            cursor = page.next
            if not cursor:
                break
        self._keep(skill, records)
        return records

    async def having(self, skill: str, timeout: float = 10.0) -> list[AgentRecord]:
        """The active agents with ``skill``; a list of at most a second ago will do."""
        at, cached = self._lists.get(skill, (0.0, None))
        if cached is None or self._context.world.monotonic() - at > FRESH_S:
            cached = await self._refresh(skill, cached, timeout)
        return [agent for agent in cached if agent.health == "active"]

    async def _refresh(
        self, skill: str, cached: list[AgentRecord] | None, timeout: float
    ) -> list[AgentRecord]:
        try:
            return await self.agents(skill, timeout)
        except Unreachable:
            if cached is None:
                raise
            return cached

    def _keep(self, skill: str, records: list[AgentRecord]) -> None:
        if len(self._lists) >= MAX_LISTS and skill not in self._lists:
            self._lists.pop(next(iter(self._lists)))
        self._lists[skill] = (self._context.world.monotonic(), records)
