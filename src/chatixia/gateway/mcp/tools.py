"""The tools that a host lists: one for each skill while they are few, else three to find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

import mcp_types as types

from chatixia.core.tool_names import CALL, DESCRIBE, FIND

from .catalog import MeshCatalog, OfferedSkill

MOST_TOOLS: Final = 40
"""Skills of which each is a tool; of more, hosts and models lose their way."""
PAGE: Final = 200
"""Entries of one page of a list."""


def _schema(required: Sequence[str], **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _string(description: str) -> dict[str, Any]:
    return {"type": "string", "maxLength": 1024, "description": description}


_READS: Final = types.ToolAnnotations(read_only_hint=True)
MESH_TOOLS: Final = (
    types.Tool(
        name=CALL,
        description="Call a skill of an agent. Describe it first, unless its arguments are known.",
        input_schema=_schema(
            ("agent", "skill"),
            agent=_string("whose skill"),
            skill=_string("the skill"),
            arguments={"type": "object", "description": "its arguments"},
        ),
    ),
    types.Tool(
        name=DESCRIBE,
        description="Show what one skill of an agent takes and gives, as JSON Schema.",
        input_schema=_schema(
            ("agent", "skill"), agent=_string("whose skill"), skill=_string("the skill")
        ),
        annotations=_READS,
    ),
    types.Tool(
        name=FIND,
        description="Find agents of the mesh and their skills by words of what is needed.",
        input_schema=_schema((), query=_string("words; empty for a list of what there is")),
        annotations=_READS,
    ),
)


class ToolList:
    """What is listed now. ``is_whole``: each skill is a tool, however many there are."""

    def __init__(self, catalog: MeshCatalog, *, is_whole: bool = False) -> None:
        self._catalog, self._is_whole = catalog, is_whole

    @property
    def is_short(self) -> bool:
        """Whether the three tools stand for the skills."""
        return not self._is_whole and len(self._catalog.skills) > MOST_TOOLS

    def page(self, cursor: str) -> types.ListToolsResult:
        """The tools after ``cursor``, in the order of their names."""
        if self.is_short:
            return types.ListToolsResult(tools=list(MESH_TOOLS))
        names, more = after(self._catalog.skills, cursor)
        tools = [tool_of(self._catalog.skills[name]) for name in names]
        return types.ListToolsResult(tools=tools, next_cursor=more)


def after(ordered: Mapping[str, Any], cursor: str) -> tuple[list[str], str | None]:
    """A page of the names behind ``cursor``, and the cursor of the next page, if there is one."""
    names = list(islice((name for name in ordered if name > cursor), PAGE + 1))
    return names[:PAGE], names[PAGE - 1] if len(names) > PAGE else None


def tool_of(skill: OfferedSkill) -> types.Tool:
    """A skill as a tool. What it returns is not promised: it may come as a resource."""
    info = skill.info
    return types.Tool(
        name=skill.name,
        title=f"{skill.agent}/{info.name}",
        description=info.description or None,
        input_schema=dict(skill.parameters),
        annotations=types.ToolAnnotations(idempotent_hint=True) if info.idempotent else None,
    )
