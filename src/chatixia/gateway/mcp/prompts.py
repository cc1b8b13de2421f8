"""Prompts that a person at a host picks: each agent's instructions, and skills that are prompts.

The instructions (AGENT.md and what belongs to it), with a message, an agent shows to whom its owner
named in ``callers``, and to nobody else. A skill that is a prompt is called like any other; what it
answers are the messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types
import msgspec

from chatixia.errors import BadRequest, NotFound
from chatixia.wire.peer import PromptPreview
from chatixia.wire.registry import AgentRecord

from .callers import MeshCallers
from .calls import ToolCalls
from .catalog import MeshCatalog, OfferedSkill
from .progress import Report
from .resource_store import ResourceStore
from .results import tool_result
from .tools import after

MESSAGE: Final = "message"
READ_S: Final = 30.0
"""Seconds that an agent has to show its instructions."""
_ARGUMENT: Final = types.PromptArgument(
    name=MESSAGE, description="what it is to do", required=False
)


class PromptList:
    """The prompts of the mesh."""

    def __init__(
        self, catalog: MeshCatalog, callers: MeshCallers, calls: ToolCalls, store: ResourceStore
    ) -> None:
        self._catalog, self._callers = catalog, callers
        self._calls, self._store = calls, store

    def page(self, cursor: str) -> types.ListPromptsResult:
        """Those after ``cursor``, in the order of their names."""
        every: dict[str, AgentRecord | OfferedSkill] = {
            **self._catalog.agents,
            **self._catalog.prompts,
        }
        names, more = after(dict(sorted(every.items())), cursor)
        listed = [_prompt(name, every[name]) for name in names]
        return types.ListPromptsResult(prompts=listed, next_cursor=more)

    async def get(
        self, caller: str, name: str, arguments: Mapping[str, str], report: Report
    ) -> types.GetPromptResult:
        """The messages of one. Raises NotFound, BadArguments, and what the agent says."""
        if (skill := self._catalog.prompts.get(name)) is not None:
            value = await self._calls.run(caller, skill, dict(arguments), report)
            answer = await tool_result(value, caller, name, self._store)
            return _result(skill.info.description, answer.content)
        if (record := self._catalog.agents.get(name)) is not None:
            return await self._instructions(caller, record, arguments.get(MESSAGE, ""))
        raise NotFound(f"There is no prompt {name[:64]} now; list the prompts again.")

    async def _instructions(
        self, caller: str, record: AgentRecord, message: str
    ) -> types.GetPromptResult:
        name = record.agent_id
        handle = self._callers.mesh(caller).agent(name, timeout=READ_S)
        reply = await handle.ask(message or "-", dry_run=True).reply()
        try:
            preview = msgspec.convert(reply.value, PromptPreview)
        except msgspec.ValidationError:
            raise BadRequest(f"{name} has no model, so it has no instructions.") from None
        texts = [preview.instructions, *([message] if message else [])]
        return _result(
            record.description, [types.TextContent(type="text", text=text) for text in texts]
        )


def _prompt(name: str, one: AgentRecord | OfferedSkill) -> types.Prompt:
    if isinstance(one, AgentRecord):
        return types.Prompt(name=name, description=one.description or None, arguments=[_ARGUMENT])
    return types.Prompt(
        name=name,
        title=f"{one.agent}/{one.info.name}",
        description=one.info.description or None,
        arguments=_arguments(one.parameters),
    )


def _arguments(parameters: Mapping[str, Any]) -> list[types.PromptArgument]:
    """What a schema names. It may be a stranger's, so each part of it may be anything."""
    properties, required = parameters.get("properties"), parameters.get("required")
    if not isinstance(properties, dict):
        return []
    return [
        types.PromptArgument(
            name=name,
            description=_text(part.get("description")) if isinstance(part, dict) else None,
            required=isinstance(required, list) and name in required,
        )
        for name, part in properties.items()
    ]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _result(description: str, contents: list[types.ContentBlock]) -> types.GetPromptResult:
    messages = [types.PromptMessage(role="user", content=content) for content in contents]
    return types.GetPromptResult(description=description or None, messages=messages)
