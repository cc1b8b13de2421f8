"""Agents whose socket was lost: their last record, for a day, within their machine's share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from chatixia.core.presence import FORGET_SECONDS
from chatixia.core.shares import Shares
from chatixia.wire.registry import AgentRecord

MOST_AWAY: Final = 10_000


class AwayAgent(NamedTuple):
    """An agent that is away: its record, since when (mesh seconds), whose share it uses, and how
    many bytes its skills have."""

    record: AgentRecord
    since: float
    holder: str
    size: int


class AwayList:
    """The longest away first. ``schemas``: bytes of all agents' skills, away or not."""

    def __init__(self, schemas: Shares, now: Callable[[], float]) -> None:
        self._schemas, self._now = schemas, now
        self._agents: OrderedDict[str, AwayAgent] = OrderedDict()
        self._shares = Shares(MOST_AWAY)

    def __contains__(self, agent: str) -> bool:
        return agent in self._agents

    def add(self, agent: str, record: AgentRecord, holder: str, size: int) -> None:
        """From now on; the longest away of the same holder leave the list where it has no room."""
        self.drop(agent)
        while not (self._shares.fits(holder) and self._schemas.fits(holder, size)):
            if not self.drop(self._first(holder)):
                return
        self._agents[agent] = AwayAgent(record, self._now(), holder, size)
        self._shares.add(holder)
        self._schemas.add(holder, size)

    def make_room(self, holder: str, size: int) -> bool:
        """Whether there is room for skills of that many bytes, if the longest away of ``holder``
        leave the list for it."""
        while not self._schemas.fits(holder, size):
            if not self.drop(self._first(holder)):
                return False
        return True

    def _first(self, holder: str) -> str:
        return next((name for name, one in self._agents.items() if one.holder == holder), "")

    def drop(self, agent: str) -> bool:
        """Take one out; whether it was there."""
        away = self._agents.pop(agent, None)
        if away is None:
            return False
        self._shares.add(away.holder, -1)
        self._schemas.add(away.holder, -away.size)
        return True

    def drop_of(self, name: str) -> None:
        """Take out an id and all agents of a machine of that name."""
        for agent in [a for a, one in self._agents.items() if name in (a, one.record.machine)]:
            self.drop(agent)

    def ids(self) -> list[str]:
        """Who is away and not forgotten."""
        self._forget()
        return list(self._agents)

    def record(self, agent: str) -> AgentRecord | None:
        """The last record of one."""
        self._forget()
        away = self._agents.get(agent)
        return None if away is None else away.record

    def _forget(self) -> None:
        """Drop who is away too long; the longest away stand first."""
        while self._agents:
            agent, first = next(iter(self._agents.items()))
            if self._now() - first.since < FORGET_SECONDS:
                return
            self.drop(agent)
