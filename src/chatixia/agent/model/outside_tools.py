"""Tools of outside servers as tools of a model, and as skills where the owner names them.

What such a server says of its tools is a stranger's word: it may change anything, unless the
owner says that it does not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from chatixia.agent.context import Ctx
from chatixia.agent.manifest_mcp import McpServer, is_named
from chatixia.agent.skill import Skill
from chatixia.core.ports import OutsideTool, OutsideTools
from chatixia.core.tool_names import tool_name
from chatixia.errors import BadArguments, MeshError, OutcomeUnknown, SkillFailed
from chatixia.ids import is_skill

from .own_tools import failed
from .words import Effect, ToolCall, ToolOutcome, ToolSpec

log = logging.getLogger("chatixia")
LONGEST_S: Final = 3600.0

Servers = Mapping[str, McpServer]


class OutsideModelTool:
    """One tool for one request. ``seconds``: what is left for it."""

    def __init__(self, tool: OutsideTool, effect: Effect, tools: OutsideTools, ctx: Ctx) -> None:
        self._tool, self._tools, self._ctx = tool, tools, ctx
        name = tool_name(tool.name, tool.server)
        self.spec = ToolSpec(name, tool.description, tool.parameters, effect)

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        """Call it. ``again``: see :class:`~.words.Toolbox`."""
        if again and self.spec.effect != "read":
            return failed(OutcomeUnknown(f"{self._tool.name} may have run before the restart."))
        try:
            arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return ToolOutcome(f"{call.name}: the arguments are no JSON object.", retry=True)
        seconds = min(self._ctx.remaining, LONGEST_S)
        try:
            answer = await self._tools.call(self._tool.server, self._tool.name, arguments, seconds)
        except BadArguments as error:
            return ToolOutcome(error.message, retry=True)
        except MeshError as error:
            return failed(error)
        return ToolOutcome(answer.text, failed=answer.failed)


def model_tools(servers: Servers, tools: OutsideTools, ctx: Ctx) -> list[OutsideModelTool]:
    """All that are taken and are no skills, for the request of ``ctx``."""
    return [
        OutsideModelTool(tool, effect_of(servers[tool.server], tool.name), tools, ctx)
        for tool in _taken(servers, tools)
        if not is_named(tool.name, servers[tool.server].skills)
    ]


def outside_skills(servers: Servers, tools: OutsideTools) -> dict[str, Skill]:
    """Those that the owner made skills of the agent, by their own names; the first of a name."""
    skills: dict[str, Skill] = {}
    for tool in _taken(servers, tools):
        if not is_named(tool.name, servers[tool.server].skills):
            continue
        if not is_skill(tool.name) or tool.name in skills:
            log.warning("mcp: %s of %s can be no skill here", tool.name[:64], tool.server)
            continue
        effect = effect_of(servers[tool.server], tool.name)
        skills[tool.name] = _skill(tool, effect, tools)
    return skills


def effect_of(server: McpServer, tool: str) -> Effect:
    """What a tool can change: the owner's word alone."""
    return "read" if is_named(tool, server.read) else "write"


def _taken(servers: Servers, tools: OutsideTools) -> list[OutsideTool]:
    return [
        tool
        for tool in tools.tools()
        if tool.server in servers and is_named(tool.name, servers[tool.server].tools)
    ]


def _skill(tool: OutsideTool, effect: Effect, tools: OutsideTools) -> Skill:
    async def outside(ctx: Ctx, **arguments: Any) -> Any:
        seconds = min(ctx.remaining, LONGEST_S)
        answer = await tools.call(tool.server, tool.name, arguments, seconds)
        if answer.failed:
            raise SkillFailed(answer.text[:400] or f"{tool.name} failed and said nothing.")
        return answer.value

    return Skill(
        tool.name,
        outside,
        tool.description or f"{tool.name} of the MCP server {tool.server}",
        parameters=tool.parameters,
        returns={},
        effect=effect,
    )
