"""The directory: who is in the mesh, how well, with which skills; described polling agents too.

An agent is active while its socket lives; one whose socket was lost unclean is shown offline until
it returns or is forgotten. Key-less agents of the described contract register and poll.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from chatixia.errors import Denied, NameTaken, NotFound, UnknownSkill
from chatixia.ids import is_agent_id
from chatixia.registry.call import Handler, RequestContext
from chatixia.wire.base import MIB, fitting
from chatixia.wire.registry import (
    AgentQuery,
    AgentQueryAll,
    AgentRecord,
    AgentRef,
    Agents,
    Beat,
    Capabilities,
    RegisterAgent,
    Route,
)
from chatixia.wire.trust import Done

from .away import AwayList
from .pollers import Pollers
from .roster import Roster, holder, listed
from .socket import Socket
from .times import rfc3339

LOOK_SECONDS: Final = 1.0
"""How long the number of waiting tasks may be behind."""
PAGE_BYTES: Final = MIB
"""Records in one answer."""


async def _no_work(_: str) -> dict[str, int]:
    return {}


class DirectoryService:
    """Verbs ``agents.*``. ``now``: mesh time; ``is_member``: whether that name is a member's whom
    nobody revoked; ``waiting_for``: agents of a namespace for which tasks wait, and how many;
    ``described``: the described peers that are connected."""

    def __init__(
        self,
        roster: Roster,
        now: Callable[[], float],
        is_member: Callable[[str], bool],
        waiting_for: Callable[[str], Awaitable[dict[str, int]]] = _no_work,
        described: Callable[[], Mapping[str, Socket]] = dict,
    ) -> None:
        self._roster, self._now, self._is_member = roster, now, is_member
        self._described = described
        self._away = AwayList(roster.schemas, now)
        roster.make_room = self._away.make_room
        self._pollers = Pollers(now, self._anothers)
        self._turn = 0
        self._waiting_for = waiting_for
        self._looked: dict[str, float] = {}
        self._work: dict[str, dict[str, int]] = {}

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "agents.list": self.page,
            "agents.list.described": self.all,
            "agents.get": self.get,
            "agents.register": self.register,
            "agents.route": self.route,
        }

    # ---- what happens to logins

    def left(self, socket: Socket) -> None:
        """A socket closed: offline, or forgotten if it said goodbye or is no longer a member."""
        lost = not socket.clean and not socket.ephemeral and not self._roster.online(socket.id)
        if listed(socket) and lost and self._is_member(socket.id):
            record = self._connected(socket)
            record.health, record.slots = "offline", 0
            record.last_heartbeat = rfc3339(self._now())
            self._away.add(socket.id, record, holder(socket), socket.skill_bytes)

    def joined(self, agent: str) -> None:
        """A member logged in: it is not away, and no poller has its name."""
        self._away.drop(agent)
        self._pollers.drop(agent)

    def unlist(self, name: str) -> None:
        """An id left the mesh or was revoked: it and its agents are listed no more."""
        self._away.drop_of(name)
        self._pollers.drop(name)

    # ---- verbs

    async def page(self, call: RequestContext, query: AgentQuery) -> Agents:
        """A page in order of id."""
        waiting = await self._work_for(call.caller.ns)
        matching = list(islice(self._matching(query, waiting), query.limit + 1))
        page = matching[: query.limit]
        page = page[: fitting(page, PAGE_BYTES)]
        more = len(matching) > len(page)
        return Agents(page, page[-1].agent_id if more else "")

    async def _work_for(self, ns: str) -> dict[str, int]:
        """Agents for which work waits, with how much; looked up at most once a second."""
        if self._now() - self._looked.get(ns, -LOOK_SECONDS) >= LOOK_SECONDS:
            self._looked[ns] = self._now()
            self._work[ns] = await self._waiting_for(ns)
        return self._work.get(ns, {})

    def _matching(self, query: AgentQuery, waiting: dict[str, int]) -> Iterator[AgentRecord]:
        """What matches, made only as it is asked for: a list may have thousands."""
        ids = sorted({*self._ids(), *filter(self._is_member, waiting)})
        for id_ in ids[bisect_right(ids, query.cursor) :]:
            record = self._with_work(id_, self.record(id_), waiting.get(id_, 0))
            if record is not None and _wanted(record, query):
                yield record

    def _with_work(self, agent: str, record: AgentRecord | None, work: int) -> AgentRecord | None:
        """A member that stopped stays in the list while work waits for it; its number is shown."""
        if not work or (record is not None and record.health != "offline"):
            return record
        shown = record or AgentRecord(agent, sidecar_peer_id=agent, health="offline")
        return msgspec.structs.replace(shown, waiting=work)

    async def all(self, call: RequestContext, query: AgentQueryAll) -> list[AgentRecord]:
        """As the described contract has it; ``call.more`` is set when one answer does not hold
        all."""
        page = await self.page(call, query)
        call.more = page.next
        return page.agents

    async def get(self, call: RequestContext, ref: AgentRef) -> AgentRecord:
        """One agent. Raises NotFound."""
        record = self.record(ref.agent_id)
        if record is None:
            raise NotFound(f"No agent is called {ref.agent_id}.", agent=ref.agent_id)
        return record

    async def route(self, call: RequestContext, wanted: Route) -> AgentRecord:
        """An active agent with the skill, never the asker, taking turns. Raises UnknownSkill."""
        asker = call.caller.id
        records = [
            record
            for record in self.records()
            if record.health == "active"
            and record.agent_id != asker
            and wanted.skill in record.capabilities.skills
        ]
        if not records:
            raise UnknownSkill(f"No active agent has the skill {wanted.skill}.")
        self._turn += 1
        return records[self._turn % len(records)]

    async def register(self, call: RequestContext, request: RegisterAgent) -> Done:
        """The described registration. Raises Denied for another's name, NameTaken."""
        self._own(call, request.agent_id)
        if self._member(request.agent_id) is None:
            self._pollers.register(call, request)
        return Done()

    def beat(self, call: RequestContext, request: Beat) -> list[str]:
        """The described heartbeat; the skills by which it may be given work."""
        self._own(call, request.agent_id)
        if self._member(request.agent_id) is not None:
            return sorted(self._roster.skills(request.agent_id))
        return self._pollers.beat(call, request)

    async def remove(self, call: RequestContext, ref: AgentRef) -> Done:
        """Take an agent out of the list (it may come back). Raises NotFound, Denied."""
        if call.caller.kind in ("agent", "key") and call.caller.id != ref.agent_id:
            raise Denied("An agent may remove only itself.")
        socket = self._roster.get(ref.agent_id)
        listed_away = ref.agent_id in self._away or ref.agent_id in self._pollers
        if socket is None and not listed_away:
            raise NotFound(f"No agent is called {ref.agent_id}.", agent=ref.agent_id)
        self.unlist(ref.agent_id)
        if socket is not None:
            socket.clean = True
            socket.close(1000, "removed")
            self._roster.remove(socket)
        return Done()

    def _own(self, call: RequestContext, agent: str) -> None:
        if call.caller.id != agent or not is_agent_id(agent):
            raise Denied(f"This credential is not for {agent}.")
        if call.caller.kind == "key" and self._is_member(agent):
            raise NameTaken(f"{agent} is a member with a key of its own.")

    def _member(self, agent: str) -> Socket | None:
        """The socket by which an agent is listed; a key-less one only carries its verbs."""
        socket = self._roster.get(agent)
        return socket if socket is not None and listed(socket) else None

    def _anothers(self, name: str) -> bool:
        return self._is_member(name) or self._roster.online(name)

    # ---- records

    def records(self) -> list[AgentRecord]:
        """Everyone in the list, by id."""
        records = (self.record(id_) for id_ in self._ids())
        return [record for record in records if record is not None]

    def _ids(self) -> list[str]:
        here = {*self._roster.agents(), *self._away.ids(), *self._pollers.ids()}
        return sorted(here | set(self._described()))

    def record(self, agent: str) -> AgentRecord | None:
        """One agent as it stands now."""
        socket = self._member(agent)
        if socket is not None:
            return self._connected(socket)
        if (polling := self._pollers.record(agent)) is not None:
            return polling
        if (peer := self._described().get(agent)) is not None:
            return self._connected(peer)
        return self._away.record(agent)

    def _connected(self, socket: Socket) -> AgentRecord:
        assert socket.principal
        names = [skill.name for skill in socket.skills]
        since = rfc3339(socket.since)
        return AgentRecord(
            socket.id,
            socket.hostname,
            socket.ip,
            0,
            socket.id,
            Capabilities(names, socket.mcp_servers, mode=socket.mode),
            "running",
            socket.mode,
            "active",
            since,
            rfc3339(self._now()),
            socket.description,
            list(socket.skills),
            socket.incarnation,
            socket.epoch,
            socket.principal.trust,
            socket.principal.machine,
            socket.slots,
            ns=socket.principal.ns,
        )


def _wanted(record: AgentRecord, query: AgentQuery) -> bool:
    return (not query.skill or query.skill in record.capabilities.skills) and (
        not query.health or record.health == query.health
    )
