"""The skills that a host sees: those of the mesh now, as far as they were chosen.

The registry tells who comes and goes, and only those records are read again; all of them now and
then, for agents that only poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from chatixia.client.mesh import Mesh
from chatixia.core.resource_addresses import address_problem
from chatixia.core.tool_names import tool_name
from chatixia.errors import MeshError, NotFound
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentRecord, AgentRef, Capabilities

from .files import with_files

log = logging.getLogger("chatixia.mcp")

AGENTS: Final = "mesh://agents/"
"""Before the name of an agent, in the addresses of what it has."""
LOOK_S: Final = 30.0
"""How often the whole list is read, whatever was heard."""
AGAIN_S: Final = 1.0
"""Until the next try after a registry did not answer."""
MOST_SINGLE: Final = 32
"""Agents that changed of which each record is read; of more, the whole list."""


class SkillFilter(msgspec.Struct, frozen=True):
    """What a host may see. ``patterns``: of ``agent/skill``, or of a skill's name where they hold
    no slash; none for all. ``agent``: that one only, its skills by their bare names. ``all``: each
    skill is a tool, however many there are."""

    patterns: Sequence[str] = ()
    agent: str = ""
    all: bool = False

    def takes(self, agent: str, skill: str) -> bool:
        """Whether a skill is among them."""
        if self.agent and agent != self.agent:
            return False
        whole = f"{agent}/{skill}"
        return not self.patterns or any(
            fnmatchcase(whole if "/" in pattern else skill, pattern) for pattern in self.patterns
        )


class OfferedSkill(msgspec.Struct, frozen=True):
    """A skill under the name that hosts know it by. ``parameters``: a JSON Schema of an object."""

    name: str
    agent: str
    info: SkillInfo
    parameters: Mapping[str, Any]


class MeshCatalog:
    """Who is there and what they serve. ``on_change``: hears of which agents that has changed."""

    def __init__(
        self, mesh: Mesh, choice: SkillFilter, on_change: Callable[[Collection[str]], None]
    ) -> None:
        self._mesh, self._choice, self._on_change = mesh, choice, on_change
        self._records: dict[str, AgentRecord] = {}
        self._skills: dict[str, OfferedSkill] = {}
        self._prompts: dict[str, OfferedSkill] = {}
        self._resources: dict[str, OfferedSkill] = {}
        self._dirty: set[str] = {""}
        self._news = asyncio.Event()
        self._first = asyncio.Event()

    @property
    def agents(self) -> Mapping[str, AgentRecord]:
        """The active agents of which a skill was chosen, or which have none; by id."""
        return self._records

    @property
    def skills(self) -> Mapping[str, OfferedSkill]:
        """The chosen skills that are tools, by the names of these, in their order."""
        return self._skills

    @property
    def prompts(self) -> Mapping[str, OfferedSkill]:
        """The chosen skills that are prompts, by the names of these."""
        return self._prompts

    @property
    def resources(self) -> Mapping[str, OfferedSkill]:
        """The chosen skills that are resources, by their addresses."""
        return self._resources

    @property
    def offered(self) -> list[AgentRecord]:
        """The agents with the chosen skills alone."""
        return [
            msgspec.structs.replace(
                one,
                skills=[info for info in self.skills_of(one) if _is_tool(info)],
                capabilities=Capabilities(),
            )
            for one in self._records.values()
        ]

    def changed(self, agent: str) -> None:
        """That agent came, went or serves other skills; "" for any of them."""
        self._dirty.add(agent)
        self._news.set()

    async def ready(self, seconds: float) -> None:
        """Wait until the list was read once, for at most ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._first.wait()

    async def follow(self) -> None:
        """Read what changes, until cancelled."""
        while True:
            pause = LOOK_S
            try:
                await self._read()
            except MeshError as error:
                log.info("the list of agents could not be read: %s", error)
                self._dirty.add("")
                pause = AGAIN_S
            else:
                self._first.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()
                    pause = 0.0
            if pause:
                self._dirty.add("")

    async def _read(self) -> None:
        dirty, self._dirty = self._dirty, set()
        self._news.clear()
        if "" in dirty or len(dirty) > MOST_SINGLE:
            records = {one.agent_id: one for one in await self._mesh.agents()}
        else:
            records = dict(self._records)
            for name in dirty:
                records.pop(name, None)
                if (one := await self._record(name)) is not None:
                    records[name] = one
        self._take(records)

    async def _record(self, name: str) -> AgentRecord | None:
        try:
            record: AgentRecord = await self._mesh.verb("agents.get", AgentRef(name))
        except NotFound:
            return None
        return record

    def _take(self, records: Mapping[str, AgentRecord]) -> None:
        chosen = {name: one for name, one in sorted(records.items()) if self._is_chosen(one)}
        before, self._records = self._records, chosen
        changed = [
            name
            for name in before.keys() | chosen.keys()
            if _shape(before.get(name)) != _shape(chosen.get(name))
        ]
        if not changed:
            return
        offered = [
            self._offered(one, info) for one in chosen.values() for info in self.skills_of(one)
        ]
        offered.sort(key=lambda one: one.name)
        self._skills = {one.name: one for one in offered if _is_tool(one.info)}
        self._prompts = {one.name: one for one in offered if one.info.as_prompt}
        self._resources = {one.name: one for one in offered if _is_resource(one.info)}
        self._on_change(changed)

    def _is_chosen(self, record: AgentRecord) -> bool:
        if record.health != "active" or self._choice.agent not in ("", record.agent_id):
            return False
        infos = _infos(record)
        return not (infos or self._choice.patterns) or any(
            self._choice.takes(record.agent_id, info.name) for info in infos
        )

    def _offered(self, record: AgentRecord, info: SkillInfo) -> OfferedSkill:
        agent = "" if self._choice.agent else record.agent_id
        if info.as_prompt:  # people read it; an agent's own prompt, its id, has no slash
            name = f"{agent}/{info.name}" if agent else info.name
        elif _is_resource(info):
            name = f"{AGENTS}{agent}/{info.resource}" if agent else info.resource
        else:
            name = tool_name(info.name, agent)
        return OfferedSkill(name, record.agent_id, info, object_schema(info))

    def skills_of(self, record: AgentRecord) -> list[SkillInfo]:
        """The chosen skills of one agent."""
        return [one for one in _infos(record) if self._choice.takes(record.agent_id, one.name)]


def _infos(record: AgentRecord) -> list[SkillInfo]:
    """Its skills; of an agent that names them only, without schemas."""
    return record.skills or [SkillInfo(name) for name in record.capabilities.skills]


def _is_resource(info: SkillInfo) -> bool:
    return bool(info.resource) and not info.as_prompt and not address_problem(info.resource)


def _is_tool(info: SkillInfo) -> bool:
    return not info.as_prompt and not _is_resource(info)


def _shape(record: AgentRecord | None) -> tuple[Any, ...] | None:
    """What of a record a host can see, but for the time of its last heartbeat."""
    if record is None:
        return None
    skills = (record.skills, record.capabilities.skills)
    about = (record.description, record.machine, record.trust, record.slots, record.registered_at)
    return *skills, *about


def object_schema(info: SkillInfo) -> dict[str, Any]:
    """The schema of a skill's arguments as hosts see it; that of any object where it has none that
    is one."""
    try:
        schema = with_files(msgspec.json.decode(info.parameters))
    except (msgspec.DecodeError, RecursionError):
        schema = None
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return {"type": "object"}
    return schema
