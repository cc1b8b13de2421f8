"""JSON Schemas of skills as types. What is not understood is anything, never an error: the schema
is another agent's, in whatever language that was written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from chatixia.wire.peer import SkillInfo

from .names import free, pascal
from .python_types import SOURCES
from .types import (
    ANY,
    FORMATS,
    NULL,
    AgentTypes,
    Choice,
    Field,
    ListOf,
    MapOf,
    Model,
    ModelRef,
    Plain,
    SkillTypes,
    TupleOf,
    Type,
    Word,
    union,
)

DEPTH: Final = 24
"""How deep types are followed."""
MOST_MODELS: Final = 1000
MOST_CHOICES: Final = 200
MOST_REACHED: Final = 200
"""Definitions that are compared to tell whether two models are one."""
_UNREADABLE: Final = re.compile(r'[\\"\x00-\x1f]')
_REF: Final = re.compile(rb'"\$ref":"([^"\\]*)"')
RESERVED: Final = frozenset(
    {name for _, names in SOURCES for name in names.split()}
    | {"None", "True", "False", "Promise", "Record", "AsyncIterable", "Array"}
    | {"Object", "String", "Number", "Boolean", "Symbol", "Function", "Error"}
)
"""Names that a written file uses for something else."""
WORDS: Final[dict[str, Word]] = {
    "boolean": "boolean",
    "integer": "integer",
    "number": "number",
    "null": "null",
}
Schema = Mapping[str, Any]


def agent_types(agent: str, skills: Sequence[SkillInfo], class_name: str = "") -> AgentTypes:
    """What ``agent`` takes and gives. ``class_name``: empty for one made of its id."""
    name = free(class_name or pascal(agent, "Agent"), RESERVED)
    reader = _Reader({*RESERVED, name, f"Sync{name}"})
    read = [reader.skill(info) for info in sorted(skills, key=lambda info: info.name)]
    return AgentTypes(agent, name, read, list(reader.models.values()))


class _Reader:
    """Reads schemas; a model that several skills name alike, and that is alike, is one."""

    def __init__(self, taken: set[str]) -> None:
        self.models: dict[str, Model] = {}
        self._taken = taken
        self._same: dict[bytes, str] = {}
        self._root: Schema = {}
        self._refs: dict[str, Type] = {}

    def skill(self, info: SkillInfo) -> SkillTypes:
        """One skill."""
        self._root, self._refs = (parameters := _object(info.parameters)), {}
        title = pascal(info.name, "Skill")
        fields = self._fields(parameters, title, 0)
        others = self._others(parameters)
        self._root, self._refs = (returns := _object(info.returns)), {}
        result = self._type(returns, f"{title}Result", 0)
        return SkillTypes(info.name, fields, result, others, info.streams, info.description)

    def _others(self, parameters: Schema) -> Type | None:
        """A schema that names no properties and forbids none says nothing."""
        more = parameters.get("additionalProperties", not parameters.get("properties"))
        if isinstance(more, Mapping):
            return self._type(more, "Argument", 0)
        return ANY if more else None

    def _fields(self, schema: Schema, title: str, depth: int) -> list[Field]:
        required = frozenset(_texts(schema.get("required")))
        properties = schema.get("properties")
        return [
            Field(
                name,
                self._type(part, f"{title}{pascal(name)}", depth + 1),
                name in required,
                part.get("default", msgspec.UNSET) if isinstance(part, Mapping) else msgspec.UNSET,
                _text(part, "description"),
            )
            for name, part in (properties.items() if isinstance(properties, Mapping) else ())
        ]

    def _type(self, node: Any, title: str, depth: int) -> Type:
        if not isinstance(node, Mapping) or depth > DEPTH:
            return ANY
        for key, read in (
            ("$ref", self._referred),
            ("const", self._const),
            ("enum", self._enum),
            ("anyOf", self._union),
            ("oneOf", self._union),
            ("allOf", self._only),
        ):
            if key in node:
                return read(node[key], title, depth)
        return self._typed(node, title, depth)

    def _referred(self, ref: Any, title: str, depth: int) -> Type:
        if not isinstance(ref, str) or not ref.startswith("#"):
            return ANY
        node = self._target(ref)
        title = _text(node, "title") or ref.rpartition("/")[2].lstrip("#") or title
        if isinstance(node, Mapping) and _is_model(node):
            return self._model(node, title, depth)
        if ref not in self._refs:
            self._refs[ref] = ANY  # for what leads back to itself without a model between
            self._refs[ref] = self._type(node, title, depth + 1)
        return self._refs[ref]

    def _const(self, value: Any, title: str, depth: int) -> Type:
        return self._enum([value], title, depth)

    def _enum(self, values: Any, title: str, depth: int) -> Type:
        if not isinstance(values, list) or not 0 < len(values) <= MOST_CHOICES:
            return ANY
        plain = dict.fromkeys((type(one), one) for one in values if isinstance(one, str | int))
        rest: list[Type] = [_type_of_value(one) for one in values if not isinstance(one, str | int)]
        choices = tuple(one for _, one in plain)
        return union([*([Choice(choices)] if choices else []), *rest])

    def _union(self, parts: Any, title: str, depth: int) -> Type:
        if not isinstance(parts, list):
            return ANY
        return union([self._type(part, title, depth + 1) for part in parts[:MOST_CHOICES]])

    def _only(self, parts: Any, title: str, depth: int) -> Type:
        if not isinstance(parts, list) or len(parts) != 1:
            return ANY
        return self._type(parts[0], title, depth + 1)

    def _typed(self, node: Schema, title: str, depth: int) -> Type:
        kind = node.get("type", "object" if _is_model(node) else None)
        if isinstance(kind, list):
            kinds = dict.fromkeys(one for one in kind if isinstance(one, str))
            return union([self._typed({**node, "type": one}, title, depth + 1) for one in kinds])
        if kind == "object":
            return self._object(node, title, depth)
        if kind == "array":
            return self._array(node, title, depth)
        if kind == "string":
            return Plain(_string(node))
        return Plain(WORDS[kind]) if isinstance(kind, str) and kind in WORDS else ANY

    def _object(self, node: Schema, title: str, depth: int) -> Type:
        if node.get("format") == "artifact":
            return Plain("artifact")
        if _is_model(node):
            return self._model(node, _text(node, "title") or title, depth)
        return MapOf(self._type(node.get("additionalProperties"), title, depth + 1))

    def _array(self, node: Schema, title: str, depth: int) -> Type:
        first = node.get("prefixItems")
        if isinstance(first, list) and first and node.get("items", True) in (False, True):
            return TupleOf(tuple(self._type(one, title, depth + 1) for one in first[:MOST_CHOICES]))
        return ListOf(self._type(node.get("items"), title, depth + 1))

    def _model(self, node: Schema, title: str, depth: int) -> Type:
        key = self._fingerprint(node)
        if key in self._same:
            return ModelRef(self._same[key])
        if len(self.models) >= MOST_MODELS:
            return MapOf(ANY)
        name = free(pascal(title), self._taken)
        self._taken.add(name)
        self._same[key] = name
        model = self.models[name] = Model(name, [], _text(node, "description"))
        model.fields = self._fields(node, name, depth)
        return ModelRef(name)

    def _fingerprint(self, node: Schema) -> bytes:
        """The same for what is the same: the node, and the definitions that it leads to."""
        body = _bytes(node)
        reached: dict[bytes, bytes] = {}
        waiting = [body]
        while waiting and len(reached) < MOST_REACHED:
            for ref in _REF.findall(waiting.pop()):
                if ref not in reached:
                    reached[ref] = _bytes(self._target(ref.decode()))
                    waiting.append(reached[ref])
        return b"".join([body, *(ref + reached[ref] for ref in sorted(reached))])

    def _target(self, ref: str) -> Any:
        """What a reference names; None for nothing."""
        node: Any = self._root
        for step in ref[1:].split("/")[1:]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            node = node.get(step) if isinstance(node, Mapping) else None
        return node


def _bytes(node: Any) -> bytes:
    if isinstance(node, Mapping):
        node = {key: item for key, item in node.items() if key not in ("$defs", "$schema")}
    return msgspec.json.encode(node, order="deterministic")


def _is_model(node: Schema) -> bool:
    """Whether it has known properties, with names that a model can be read by."""
    properties = node.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return False
    return not any(_UNREADABLE.search(name) for name in properties)


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _text(node: Any, key: str) -> str:
    text = node.get(key) if isinstance(node, Mapping) else None
    return text if isinstance(text, str) else ""


def _string(node: Schema) -> Word:
    if node.get("contentEncoding") == "base64":
        return "bytes"
    return FORMATS.get(_text(node, "format"), "string")


def _type_of_value(value: Any) -> Type:
    if value is None:
        return NULL
    return Plain("number") if isinstance(value, float) else ANY


def _object(raw: msgspec.Raw) -> Schema:
    """A schema as it came; empty if it is no object."""
    try:
        decoded = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
