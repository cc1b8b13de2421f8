"""The JSON Schema of ``agent.yaml``, made of the structs that read it: for editors, and for tests
of manifests that other programs write."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from chatixia.agent.manifest import DURATIONS, Manifest
from chatixia.agent.manifest_text import AGENTS, MAX_AGENTS
from chatixia.agent.schema import DIALECT

VARIABLE: Final[dict[str, Any]] = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*"}
"""A value that a variable fills may be a text wherever a number or a word is wanted."""
DURATION: Final[dict[str, Any]] = {"type": "string", "pattern": r"^\d{1,9} ?[smhd]$"}


def agent_schema() -> dict[str, Any]:
    """The schema of a manifest, of one agent or of several."""
    (root,), definitions = msgspec.json.schema_components([Manifest], ref_template="#/$defs/{name}")
    assert root == {"$ref": "#/$defs/Manifest"}
    definitions = {name: _open(definition) for name, definition in definitions.items()}
    keys = definitions["Manifest"]["properties"]
    for key in DURATIONS:
        keys[key] = {"anyOf": [keys[key], DURATION]}
    names = {"type": "array", "items": {"type": "string"}}
    keys["skills"] = {"anyOf": [keys["skills"], names]}
    whole = _file_of(definitions["Manifest"])
    return {
        **whole,
        "$schema": DIALECT,
        "title": "agent.yaml of chatixia-mesh",
        "$defs": definitions,
    }


def registry_schema() -> dict[str, Any]:
    """The schema of ``registry.yaml``."""
    from chatixia.registry.settings import TIMES, RegistrySettings

    (root,), definitions = msgspec.json.schema_components(
        [RegistrySettings], ref_template="#/$defs/{name}"
    )
    keys = definitions["RegistrySettings"]["properties"]
    for key in TIMES:
        keys[key] = {"anyOf": [keys[key], DURATION]}
    return {
        "$schema": DIALECT,
        "title": "registry.yaml of chatixia-mesh",
        **root,
        "$defs": definitions,
    }


def _file_of(agent: dict[str, Any]) -> dict[str, Any]:
    """An agent's keys, and below ``agents`` further agents, each of which has its name."""
    several = {
        "type": "array",
        "description": "Several agents; the other keys of the file count for each of them.",
        "items": {"allOf": [{"$ref": "#/$defs/Manifest"}, {"required": ["name"]}]},
        "minItems": 1,
        "maxItems": MAX_AGENTS,
    }
    return {**agent, "properties": {**agent["properties"], AGENTS: several}}


def _open(definition: Any) -> Any:
    """``definition`` where each number, truth and choice may also be a variable, and each key may
    be left empty."""
    properties = definition.get("properties")
    if not isinstance(properties, dict):
        return definition
    return {**definition, "properties": {key: _may_vary(one) for key, one in properties.items()}}


def _may_vary(part: dict[str, Any]) -> dict[str, Any]:
    notes: dict[str, Any] = {key: part[key] for key in ("description", "default") if key in part}
    rest = {key: value for key, value in part.items() if key not in notes}
    is_text = rest.get("type") == "string"
    if is_text or rest.get("type") in ("array", "object") or "$ref" in rest:
        return part
    return {"anyOf": [rest, VARIABLE], **notes}
