"""A skill's JSON Schema as people read it: a row for each field, nested ones below their parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from .arguments import Schema, choices, forms, types

DEPTH: Final = 4
"""How deep nested fields are shown; also where a type names itself."""
MAX_ROWS: Final = 200
MAX_CHOICES: Final = 24
"""Values of one enum that are shown."""

Row = tuple[str, str, str]
"""The field's path, its type with its default, its description."""


def arguments(schema: Schema) -> list[Row]:
    """What a skill takes: each argument, and the fields inside it."""
    return _bounded(_fields(schema, schema, "", 0))


def result(schema: Schema, streams: bool) -> list[Row]:
    """What a skill gives, empty if that is not known. ``streams``: many of those, one by one."""
    kind = type_of(schema, schema)
    if kind == "any" and not streams:
        return []
    note = "streams, item by item" if streams else str(schema.get("description", ""))
    rows = _row_and_below("returns", kind, note, schema, schema)
    return _bounded((name, kind.removesuffix(", required"), text) for name, kind, text in rows)


def _row_and_below(
    name: str, kind: str, note: str, part: Schema, root: Schema, depth: int = 0
) -> Iterator[Row]:
    yield name, kind, note
    for inner, mark in _below(part, root):
        yield from _fields(inner, root, f"{name}{mark}", depth + 1)


def _bounded(rows: Iterator[Row]) -> list[Row]:
    shown = [row for row, _ in zip(rows, range(MAX_ROWS + 1), strict=False)]
    return shown if len(shown) <= MAX_ROWS else [*shown[:MAX_ROWS], ("...", "and more", "")]


def _fields(schema: Schema, root: Schema, path: str, depth: int) -> Iterator[Row]:
    """The properties of an object, and what is inside them."""
    if depth > DEPTH:
        return
    needed = set(schema.get("required", ()))
    properties = schema.get("properties", {})
    for name, part in properties.items() if isinstance(properties, Mapping) else ():
        if not isinstance(part, Mapping):
            continue
        kind = f"{type_of(part, root)}, {_presence(part, name in needed)}"
        note = str(part.get("description", ""))
        yield from _row_and_below(f"{path}{name}", kind, note, part, root, depth)


def _presence(part: Schema, needed: bool) -> str:
    if needed:
        return "required"
    if "default" not in part:
        return "optional"
    return f"default {msgspec.json.encode(part['default']).decode()}"


def _below(part: Schema, root: Schema) -> Iterator[tuple[Schema, str]]:
    """The objects inside a value, with the mark that leads to them."""
    for one in forms(part, root):
        if one.get("properties"):
            yield one, "."
        items, values = one.get("items"), one.get("additionalProperties")
        for inner, mark in ((items, "[]"), (values, ".*")):
            if isinstance(inner, Mapping):
                yield from ((member, f"{mark}{rest}") for member, rest in _below_one(inner, root))


def _below_one(part: Schema, root: Schema) -> Iterator[tuple[Schema, str]]:
    """As :func:`_below`, without going into lists of lists."""
    yield from ((one, ".") for one in forms(part, root) if one.get("properties"))


def type_of(part: Schema, root: Schema, depth: int = 0) -> str:
    """What a value may be: the values of an enum, else its types: ``list of string|null``."""
    words: list[str] = []
    for one in forms(part, root):
        if values := choices(one):
            words += [word_of(item) for item in values[:MAX_CHOICES]]
            words += ["..."] * (len(values) > MAX_CHOICES)
        elif one.get("contentEncoding") == "base64":
            words.append("base64")
        elif one.get("format") == "artifact":
            words.append("file")
        else:
            words += [_compound(kind, one, root, depth) for kind in types(one)]
    return "|".join(dict.fromkeys(words)) or "any"


def _compound(kind: str, part: Schema, root: Schema, depth: int) -> str:
    """A type, with that of its members where it has any."""
    inner = part.get({"array": "items", "object": "additionalProperties"}.get(kind, ""))
    if depth > DEPTH or not isinstance(inner, Mapping) or not inner:
        return {"array": "list"}.get(kind, kind)
    of = type_of(inner, root, depth + 1)
    of = f"({of})" if "|" in of else of
    return f"list of {of}" if kind == "array" else f"object of {of}"


def word_of(item: Any) -> str:
    """A value of an enum as it is typed."""
    return item if isinstance(item, str) else msgspec.json.encode(item).decode()
