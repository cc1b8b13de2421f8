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
    """What an agent registered, its ``last_beat`` (mesh seconds), whether its ``ip`` is its own
    statement, on whose share (``core.shares``) it is."""

    record: AgentRecord
    last_beat: float
    own_ip: bool
    holder: str


class Pollers:
    """The polling agents by id, longest silent first. ``now``: mesh time; ``anothers``: whether a
    name is that of a principal with a key or a socket."""

    def __init__(self, now: Callable[[], float], anothers: Callable[[str], bool]) -> None:
        self._now, self._anothers = now, anothers
        self._pollers: OrderedDict[str, PollingAgent] = OrderedDict()
        self._shares = Shares(MOST_POLLING)

    def __contains__(self, agent: str) -> bool:
        return agent in self._pollers

    def ids(self) -> list[str]:
        """All of them that are not forgotten."""
        self._forget(FORGET_SECONDS)
        return list(self._pollers)

    def register(self, call: RequestContext, request: RegisterAgent) -> None:
        """In the list from now on, as said. Raises Denied, Overloaded."""
        self._keep(
            call,
            AgentRecord(
                request.agent_id,
                request.hostname,
                request.ip or call.ip[:64],
                request.port,
                self._sidecar(request.agent_id, request.sidecar_peer_id),
                request.capabilities,
                request.status,
                request.mode,
                "active",
                rfc3339(self._now()),
                skills=[SkillInfo(name) for name in request.capabilities.skills],
                trust=call.caller.trust,
                machine=call.caller.machine,
                ns=call.caller.ns,
            ),
            bool(request.ip),
        )

    def beat(self, call: RequestContext, request: Beat) -> list[str]:
        """Heard again; the skills by which it may be given work. Raises as ``register``."""
        poller = self._pollers.get(request.agent_id)
        record = (
            poller.record
            if poller
            else AgentRecord(
                request.agent_id,
                port=PORT,
                registered_at=rfc3339(self._now()),
                trust=call.caller.trust,
                machine=call.caller.machine,
                ns=call.caller.ns,
            )
        )
        self._sidecar(request.agent_id, request.sidecar_peer_id)
        changed = replace(record, **_carried(record, request))
        own_ip = bool(request.ip) or (poller is not None and poller.own_ip)
        changed.ip = request.ip or (record.ip if own_ip else call.ip[:64])
        self._keep(call, changed, own_ip)
        return list(changed.capabilities.skills)

    def record(self, agent: str) -> AgentRecord | None:
        """One as it stands now."""
        poller = self._pollers.get(agent)
        if poller is None or self._now() - poller.last_beat >= FORGET_SECONDS:
            return None
        record = poller.record
        record.health = health(HeartbeatState(poller.last_beat), self._now())
        if record.sidecar_peer_id != agent and self._anothers(record.sidecar_peer_id):
            record.sidecar_peer_id = agent  # who has that name by right came later
        return record

    def drop(self, agent: str) -> bool:
        """Take it out; whether it was there."""
        poller = self._pollers.pop(agent, None)
        if poller is None:
            return False
        self._shares.add(poller.holder, -1)
        return True

    def _sidecar(self, agent: str, sidecar: str) -> str:
        if sidecar not in ("", agent) and (self._anothers(sidecar) or sidecar in self._pollers):
            raise Denied(
                f"sidecar_peer_id: {sidecar} is another agent; leave it out, or say {agent}."
            )
        return sidecar

    def _keep(self, call: RequestContext, record: AgentRecord, own_ip: bool) -> None:
        holder, agent = holder_of(call.caller), record.agent_id
        if agent not in self._pollers and not self._shares.fits(holder):
            self._forget(OFFLINE_SECONDS)
            if not self._shares.fits(holder):
                raise Overloaded("Too many polling agents.", retry_after=RETRY_AFTER)
        record.last_heartbeat = rfc3339(self._now())
        self.drop(agent)
        self._pollers[agent] = PollingAgent(record, self._now(), own_ip, holder)
        self._shares.add(holder)

    def _forget(self, silent: float) -> None:
        """Drop those that were not heard for so long."""
        while self._pollers:
            oldest, poller = next(iter(self._pollers.items()))
            if self._now() - poller.last_beat < silent:
                return
            self.drop(oldest)


def _carried(record: AgentRecord, request: Beat) -> dict[str, Any]:
    """The fields of a record that a heartbeat carries."""
    fields = {name: getattr(request, name) for name in TEXTS if getattr(request, name)}
    before = record.capabilities
    skills = before.skills if request.skill_names is msgspec.UNSET else request.skill_names
    goals = before.goals_count if request.goals_count is msgspec.UNSET else request.goals_count
    mode = request.mode or before.mode
    fields["capabilities"] = Capabilities(list(skills), before.mcp_servers, goals, mode)
    fields["mode"] = request.mode or record.mode
    if request.skill_names is not msgspec.UNSET:
        fields["skills"] = [SkillInfo(name) for name in request.skill_names]
    if request.port is not msgspec.UNSET:
        fields["port"] = request.port
    return fields
