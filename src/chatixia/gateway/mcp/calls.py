"""A tool's call as a call of the mesh, on the path of the host that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types

from chatixia.client.matching import matches
from chatixia.core.tool_names import CALL, DESCRIBE, FIND
from chatixia.errors import MeshError, UnknownSkill

from . import arguments as schema
from .callers import MeshCallers
from .catalog import MeshCatalog, OfferedSkill
from .files import fill
from .progress import Report, relayed
from .resource_store import ResourceStore
from .results import failed, tool_result
from .tools import MESH_TOOLS

CALL_S: Final = 120.0
"""Seconds that a call may take, unless another time is chosen."""

_SCHEMAS: Final = {tool.name: tool.input_schema for tool in MESH_TOOLS}


class ToolCalls:
    """Runs the calls of all hosts. ``timeout``: seconds for each."""

    def __init__(
        self,
        catalog: MeshCatalog,
        callers: MeshCallers,
        store: ResourceStore,
        timeout: float = CALL_S,
    ) -> None:
        self._catalog, self._callers, self._store = catalog, callers, store
        self._timeout = timeout

    async def call(
        self, caller: str, name: str, arguments: dict[str, Any], report: Report
    ) -> types.CallToolResult:
        """The result, or the error of the mesh as one. ``report``: hears how far it is."""
        try:
            value = await self._value(caller, name, arguments, report)
            return await tool_result(value, caller, name, self._store)
        except MeshError as error:
            return failed(error)

    async def _value(
        self, caller: str, name: str, arguments: dict[str, Any], report: Report
    ) -> Any:
        if name in _SCHEMAS:
            schema.check(name, _SCHEMAS[name], arguments)
        if name == FIND:
            return self._find(str(arguments.get("query", "")))
        if name == DESCRIBE:
            return _described(self._named(arguments))
        if name == CALL:
            chosen, args = self._named(arguments), arguments.get("arguments", {})
        else:
            chosen, args = self._skill(name), arguments
        return await self.run(caller, chosen, args, report)

    async def run(
        self, caller: str, chosen: OfferedSkill, args: dict[str, Any], report: Report
    ) -> Any:
        """What a skill answers to arguments that fit. Raises BadArguments, and what it raised."""
        parameters = dict(chosen.parameters)
        schema.check(chosen.info.name, parameters, args)
        fill(parameters, args, caller, self._store)
        mesh, is_idempotent = self._callers.mesh(caller), chosen.info.idempotent
        handle = mesh.agent(chosen.agent, timeout=self._timeout, idempotent=is_idempotent)
        async with relayed(report) as on_progress:
            reply = await handle.call(chosen.info.name, args, on_progress=on_progress)
        return reply.value

    def _skill(self, name: str) -> OfferedSkill:
        skill = self._catalog.skills.get(name)
        if skill is None:
            raise UnknownSkill(f"There is no tool {name[:64]} now; list the tools again.")
        return skill

    def _named(self, arguments: Mapping[str, Any]) -> OfferedSkill:
        agent, skill = str(arguments["agent"]), str(arguments["skill"])
        for one in self._catalog.skills.values():
            if (one.agent, one.info.name) == (agent, skill):
                return one
        raise UnknownSkill(f"{agent[:64]} offers no skill {skill[:64]} here; use {FIND}.")

    def _find(self, query: str) -> list[dict[str, str]]:
        return matches(self._catalog.offered, query, "")


def _described(one: OfferedSkill) -> dict[str, Any]:
    return {
        "agent": one.agent,
        "skill": one.info.name,
        "description": one.info.description,
        "parameters": dict(one.parameters),
        "returns": one.info.returns,
    }
