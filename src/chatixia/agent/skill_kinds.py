"""A skill that hosts of MCP show as something else than a tool: what its arguments may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chatixia.errors import ConfigError
from chatixia.wire.peer import SkillInfo


def check(info: SkillInfo) -> None:
    """Refuse a prompt whose arguments a person cannot type. Raises ConfigError."""
    if not info.as_prompt:
        return
    schema = msgspec.json.decode(info.parameters)
    for name, part in schema.get("properties", {}).items():
        if not _takes_text(part, schema.get("$defs", {})):
            raise ConfigError(
                f"The skill {info.name} is a prompt, whose arguments are texts; {name} is not."
                " Annotate it as str."
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
