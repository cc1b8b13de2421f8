"""Types of an agent as TypeScript source: interfaces that ``mesh.agent<Weather>("weather")`` takes.

All words of the agent are quoted, or stand in comments that they cannot end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from .types import (
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
    parts_of,
)

WORDS: Final = {
    "any": "unknown",
    "null": "null",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "artifact": "Artifact",
}
"""Everything else stands in JSON as a text."""
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")


def source(agent: AgentTypes) -> str:
    """The file for ``agent``."""
    name = _quoted(agent.agent)[1:-1]
    lines = [
        f"// The agent {name}, as `chatixia stubs {name} --ts` wrote it:",
        "// do it again when its skills have changed.",
    ]
    if any(part == Plain("artifact") for kind in agent.types() for part in parts_of(kind)):
        lines += ["", 'import type { Artifact } from "chatixia-mesh/artifacts";']
    for model in agent.models:
        lines += ["", *_model(model)]
    lines += ["", f"/** The skills of {name}. */", f"export interface {agent.class_name} {{"]
    for skill in agent.skills:
        lines += _method(skill)
    return "\n".join([*lines, "}", ""])


def _model(model: Model) -> Iterator[str]:
    yield from _comment(model.description, "")
    yield f"export interface {model.name} {{"
    for field in model.fields:
        yield from _comment(field.description, "  ")
        yield f"  {_property(field)};"
    yield "}"


def _method(skill: SkillTypes) -> Iterator[str]:
    notes = [f"`{field.name}`: {field.description}" for field in skill.fields if field.description]
    yield from _comment("\n\n".join(filter(None, [skill.description, *notes])), "  ")
    result = _type(skill.returns)
    result = f"AsyncIterable<{result}>" if skill.streams else f"Promise<{result}>"
    yield f"  {_key(skill.name)}({_arguments(skill)}): {result};"


def _arguments(skill: SkillTypes) -> str:
    fields = [_property(field) for field in skill.fields]
    if not fields:
        return f"args?: Record<string, {'never' if skill.others is None else _type(skill.others)}>"
    named = f"{{ {'; '.join(fields)} }}"
    mark = "" if any(field.required for field in skill.fields) else "?"
    return f"args{mark}: {named}" + ("" if skill.others is None else " & Record<string, unknown>")


def _property(field: Field) -> str:
    return f"{_key(field.name)}{'' if field.required else '?'}: {_type(field.type)}"


def _type(kind: Type) -> str:
    if isinstance(kind, Plain):
        return WORDS.get(kind.word, "string")
    if isinstance(kind, ModelRef):
        return kind.name
    if isinstance(kind, ListOf):
        return f"Array<{_type(kind.item)}>"
    if isinstance(kind, MapOf):
        return f"Record<string, {_type(kind.value)}>"
    if isinstance(kind, TupleOf):
        return f"[{', '.join(map(_type, kind.items))}]"
    if isinstance(kind, Choice):
        return " | ".join(map(_literal, kind.values))
    return " | ".join(dict.fromkeys(map(_type, kind.parts)))


def _literal(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else msgspec.json.encode(value).decode()


def _key(name: str) -> str:
    return name if _PLAIN_KEY.match(name) else _quoted(name)


def _quoted(text: str) -> str:
    """A text as source, and nothing in it that is not printable."""
    quoted = msgspec.json.encode(text).decode()
    return "".join(c if c.isprintable() else _escaped(c) for c in quoted)


def _escaped(c: str) -> str:
    data = c.encode("utf-16-be")
    return "".join(f"\\u{data[i]:02x}{data[i + 1]:02x}" for i in range(0, len(data), 2))


def _comment(words: str, indent: str) -> Iterator[str]:
    plain = words.replace("*/", "* /")
    lines = ["".join(c if c.isprintable() else " " for c in line) for line in plain.split("\n")]
    lines = [line.rstrip() for line in lines]
    if not words.strip():
        return
    if len(lines) == 1:
        yield f"{indent}/** {lines[0].strip()} */"
        return
    yield f"{indent}/**"
    for line in lines:
        yield f"{indent} * {line}".rstrip()
    yield f"{indent} */"
