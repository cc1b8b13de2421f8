"""Agents of the described contract: they register and beat over REST, and have no socket.

A heartbeat changes only what it carries. Who is silent is stale, then offline, then forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from chatixia.core.presence import FORGET_SECONDS, OFFLINE_SECONDS, HeartbeatState, health
from chatixia.core.shares import RETRY_AFTER, Shares, holder_of
from chatixia.errors import Denied, Overloaded
from chatixia.registry.call import RequestContext
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentRecord, Beat, Capabilities, RegisterAgent

from .times import rfc3339

MOST_POLLING: Final = 10_000
PORT: Final = 8000
"""The described port of an agent that names none."""
TEXTS: Final = ("hostname", "status", "sidecar_peer_id")


class PollingAgent(msgspec.Struct):
    """What an agent registered, when it was last heard (mesh seconds), whether it said its ``ip``
    itself, on whose share (``core.shares``) it is."""

    record: AgentRecord
    seen: float
    told: bool
    holder: str


class Pollers:
    """The polling agents by id, longest silent first. ``now``: mesh time; ``anothers``: whether a
    name is that of a principal with a key or a socket."""

    def __init__(self, now: Callable[[], float], anothers: Callable[[str], bool]) -> None:
        self._now, self._anothers = now, anothers
        self._known: OrderedDict[str, PollingAgent] = OrderedDict()
        self._shares = Shares(MOST_POLLING)

    def __contains__(self, agent: str) -> bool:
        return agent in self._known

    def ids(self) -> list[str]:
        """All of them that are not forgotten."""
        self._forget(FORGET_SECONDS)
        return list(self._known)

    def register(self, call: RequestContext, said: RegisterAgent) -> None:
        """In the list from now on, as said. Raises Denied, Overloaded."""
        self._keep(
            call,
            AgentRecord(
                said.agent_id,
                said.hostname,
                said.ip or call.ip[:64],
                said.port,
                self._sidecar(said.agent_id, said.sidecar_peer_id),
                said.capabilities,
                said.status,
                said.mode,
                "active",
                rfc3339(self._now()),
                skills=[SkillInfo(name) for name in said.capabilities.skills],
                trust=call.who.trust,
                machine=call.who.machine,
                ns=call.who.ns,
            ),
            bool(said.ip),
        )

    def beat(self, call: RequestContext, said: Beat) -> list[str]:
        """Heard again; the skills by which it may be given work. Raises as ``register``."""
        known = self._known.get(said.agent_id)
        record = (
            known.record
            if known
            else AgentRecord(
                said.agent_id,
                port=PORT,
                registered_at=rfc3339(self._now()),
                trust=call.who.trust,
                machine=call.who.machine,
                ns=call.who.ns,
            )
        )
        self._sidecar(said.agent_id, said.sidecar_peer_id)
        changed = replace(record, **_carried(record, said))
        told = bool(said.ip) or (known is not None and known.told)
        changed.ip = said.ip or (record.ip if told else call.ip[:64])
        self._keep(call, changed, told)
        return list(changed.capabilities.skills)

    def record(self, agent: str) -> AgentRecord | None:
        """One as it stands now."""
        known = self._known.get(agent)
        if known is None or self._now() - known.seen >= FORGET_SECONDS:
            return None
        record = known.record
        record.health = health(HeartbeatState(known.seen), self._now())
        if record.sidecar_peer_id != agent and self._anothers(record.sidecar_peer_id):
            record.sidecar_peer_id = agent  # who has that name by right came later
        return record

    def drop(self, agent: str) -> bool:
        """Take it out; whether it was there."""
        known = self._known.pop(agent, None)
        if known is None:
            return False
        self._shares.add(known.holder, -1)
        return True

    def _sidecar(self, agent: str, said: str) -> str:
        if said not in ("", agent) and (self._anothers(said) or said in self._known):
            raise Denied(f"sidecar_peer_id: {said} is another agent; leave it out, or say {agent}.")
        return said

    def _keep(self, call: RequestContext, record: AgentRecord, told: bool) -> None:
        holder, agent = holder_of(call.who), record.agent_id
        if agent not in self._known and not self._shares.fits(holder):
            self._forget(OFFLINE_SECONDS)
            if not self._shares.fits(holder):
                raise Overloaded("Too many polling agents.", retry_after=RETRY_AFTER)
        record.last_heartbeat = rfc3339(self._now())
        self.drop(agent)
        self._known[agent] = PollingAgent(record, self._now(), told, holder)
        self._shares.add(holder)

    def _forget(self, silent: float) -> None:
        """Drop those that were not heard for so long."""
        while self._known:
            oldest, known = next(iter(self._known.items()))
            if self._now() - known.seen < silent:
                return
            self.drop(oldest)


def _carried(record: AgentRecord, said: Beat) -> dict[str, Any]:
    """The fields of a record that a heartbeat carries."""
    found = {name: getattr(said, name) for name in TEXTS if getattr(said, name)}
    known = record.capabilities
    skills = known.skills if said.skill_names is msgspec.UNSET else said.skill_names
    goals = known.goals_count if said.goals_count is msgspec.UNSET else said.goals_count
    mode = said.mode or known.mode
    found["capabilities"] = Capabilities(list(skills), known.mcp_servers, goals, mode)
    found["mode"] = said.mode or record.mode
    if said.skill_names is not msgspec.UNSET:
        found["skills"] = [SkillInfo(name) for name in said.skill_names]
    if said.port is not msgspec.UNSET:
        found["port"] = said.port
    return found
