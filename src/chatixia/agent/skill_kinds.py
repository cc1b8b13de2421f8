"""A skill that hosts of MCP show as something else than a tool: what its arguments may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chatixia.core.resource_addresses import address_problem, variables
from chatixia.errors import ConfigError
from chatixia.wire.peer import MAX_RESOURCE, SkillInfo


def check(info: SkillInfo) -> None:
    """Refuse a prompt or a resource whose arguments are no texts, and an address that does not
    name them. Raises ConfigError."""
    if not (info.as_prompt or info.resource):
        return
    schema = msgspec.json.decode(info.parameters)
    properties = schema.get("properties", {})
    if info.resource:
        _check_address(info, set(properties), set(schema.get("required", ())))
    kind = "prompt" if info.as_prompt else "resource"
    for name, part in properties.items():
        if not _takes_text(part, schema.get("$defs", {})):
            raise ConfigError(
                f"The skill {info.name} is a {kind}, whose arguments are texts; {name} is not."
                " Annotate it as str."
            )


def _check_address(info: SkillInfo, parameters: set[str], required: set[str]) -> None:
    names, problem = set(variables(info.resource)), address_problem(info.resource)
    if info.as_prompt:
        problem = "a skill is a prompt or a resource"
    elif len(info.resource) > MAX_RESOURCE:
        problem = f"it has more than {MAX_RESOURCE} characters"
    elif not (problem or required <= names <= parameters):
        problem = "its variables are not the parameters of the skill"
    if problem:
        raise ConfigError(
            f"{info.resource[:200]!r} cannot be the address of the skill {info.name}: {problem}."
        )


def _takes_text(part: Mapping[str, Any], parts: Mapping[str, Any]) -> bool:
    if "$ref" in part:
        part = parts.get(part["$ref"].rpartition("/")[2], {"type": ""})
    if "anyOf" in part:
        return any(_takes_text(one, parts) for one in part["anyOf"])
    if "enum" in part:
        return any(isinstance(value, str) for value in part["enum"])
    kinds = part.get("type", "string")
    return "string" in ([kinds] if isinstance(kinds, str) else kinds)
