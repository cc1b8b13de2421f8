"""Turn the words after a skill's name into its arguments, typed by the skill's JSON Schema.

``k=v`` takes the type that the schema gives ``k``; ``k:=JSON`` is JSON as written; ``k@file`` is
the file's text, its bytes in base64 or the file itself, as the schema asks; ``-`` is a JSON object
on standard input. A value that does not fit its type stays text, so that the far side refuses it
with its own sentence, the same at every door.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, Final

import msgspec

from chatixia.errors import BadArguments

from . import artifacts

Schema = Mapping[str, Any]
Read = Callable[[str], bytes]
"""Gives the content of a file by name; ``-`` is standard input."""

WORD: Final = re.compile(r"([^\W\d][\w.-]*)(:=|=|@)(.*)\Z", re.DOTALL)
"""A name as Python allows one, ``größe`` too."""
MAX_DIGITS: Final = 4300
"""Digits of a whole number: what Python converts without complaint."""
TRUE: Final = frozenset({"true", "yes", "on", "1"})
FALSE: Final = frozenset({"false", "no", "off", "0"})
DEPTH: Final = 8
"""How many ``$ref`` and ``anyOf`` steps are followed before a value stays text."""


def assemble(words: Iterable[str], schema: Schema, read: Read) -> dict[str, Any]:
    """The arguments object that ``words`` describe.

    Raises BadArguments for a word of no known form, JSON that does not parse, a name twice, or a
    file that must be text and is not.
    """
    arguments: dict[str, Any] = {}
    for word in words:
        piece = whole(read("-")) if word == "-" else one(word, schema, read)
        if repeated := arguments.keys() & piece.keys():
            raise BadArguments(f"The argument {min(repeated)} is given twice.")
        arguments |= piece
    return arguments


def files(words: Iterable[str]) -> Iterator[str]:
    """The names that ``assemble`` will read for these words."""
    for word in words:
        match = WORD.match(word)
        if word == "-" or (match is not None and match[2] == "@"):
            yield match[3] if match is not None else word


def perhaps_typed(words: Iterable[str]) -> Iterator[str]:
    """The ``name=value`` words that JSON reads as something else than text, as ``name:=value``.

    Where no schema is known those went as text, which may not be what was meant.
    """
    for word in words:
        match = WORD.match(word)
        if match is not None and match[2] == "=":
            try:
                msgspec.json.decode(match[3])
            except (msgspec.DecodeError, UnicodeEncodeError):
                continue
            yield f"{match[1]}:={match[3]}"


def whole(body: bytes) -> dict[str, Any]:
    """The JSON object on standard input."""
    content = parsed(plain(body, "standard input"), "standard input")
    if not isinstance(content, dict):
        raise BadArguments("Standard input must hold one JSON object.")
    return content


def one(word: str, schema: Schema, read: Read) -> dict[str, Any]:
    """One word as a name and its value."""
    match = WORD.match(word)
    if match is None:
        raise BadArguments(
            f"{word!r} is not an argument; write name=value, name:=JSON or name@file."
        )
    name, sign, text = match.groups()
    if sign == ":=":
        return {name: parsed(text, name)}
    part = property_of(schema, name)
    if sign == "@":
        if wants_artifact(part, schema):
            return {name: artifacts.of_file(text, read)}
        body = read(text)
        if binary(part, schema):
            return {name: b64encode(body).decode()}
        text = plain(body, text)
    return {name: typed(text, part, schema)}


def plain(body: bytes, name: str) -> str:
    """``body`` as text, with the line ends of text."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadArguments(f"{name} cannot be read: it is not UTF-8 text.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parsed(text: str, name: str) -> Any:
    """``text`` as JSON."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise BadArguments(f"The JSON of {name} cannot be read: {error}.") from None


def property_of(schema: Schema, name: str) -> Schema:
    """What the schema says about ``name``, or else about any other; an empty schema if nothing."""
    part = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
    return part if isinstance(part, Mapping) else {}


def typed(text: str, part: Schema, root: Schema, depth: int = 0) -> Any:
    """``text`` as the first of the schema's types that it fits, else as text."""
    for kind in kinds(part, root, depth):
        fits, value = CONVERT[kind](text)
        if fits:
            return value
    return text


def binary(part: Schema, root: Schema) -> bool:
    """Whether the schema takes bytes, which JSON carries in base64."""
    return any(one.get("contentEncoding") == "base64" for one in forms(part, root))


def wants_artifact(part: Schema, root: Schema) -> bool:
    """Whether the schema takes a file by name, whose bytes are sent when they are read."""
    return any(one.get("format") == "artifact" for one in forms(part, root))


def kinds(part: Schema, root: Schema, depth: int) -> list[str]:
    """The JSON types that ``part`` allows, most exact first; text, which fits all, last."""
    allowed = set(names(part, root, depth))
    return [kind for kind in CONVERT if kind in allowed]


def names(part: Schema, root: Schema, depth: int) -> Iterable[str]:
    """Every JSON type named by ``type``, ``enum``, ``anyOf`` or behind a ``$ref``."""
    for one in forms(part, root, depth):
        yield from types(one)
        yield from (kind_of(item) for item in choices(one))


def forms(part: Schema, root: Schema, depth: int = 0) -> Iterator[Schema]:
    """``part`` and every schema behind its ``anyOf`` and ``$ref``."""
    if depth > DEPTH:
        return
    yield part
    for other in (*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())):
        yield from forms(other, root, depth + 1)
    if isinstance(ref := part.get("$ref"), str):
        yield from forms(resolve(ref, root), root, depth + 1)


def fits(value: Any, part: Schema, root: Schema) -> bool:
    """Whether a value is of a type that the schema gives it, or one of its choices."""
    return any(_takes(one, value) for one in forms(part, root))


def _takes(form: Schema, value: Any) -> bool:
    if values := choices(form):
        return value in values
    if not (names := types(form)):
        return not form.keys() & {"anyOf", "oneOf", "allOf", "$ref"}
    kind = kind_of(value)
    if kind == "number" and "integer" in names:
        return bool(float(value).is_integer()) or "number" in names
    return kind in names or (kind == "integer" and "number" in names)


def types(part: Schema) -> list[str]:
    """What ``type`` names: one, several or none."""
    named = part.get("type", ())
    return [named] if isinstance(named, str) else [*named]


def choices(part: Schema) -> list[Any]:
    """The values of ``enum`` or ``const``."""
    return [*part.get("enum", ()), *([part["const"]] if "const" in part else ())]


def kind_of(item: Any) -> str:
    """The JSON type of a value."""
    for kind, types in (("boolean", bool), ("integer", int), ("number", float), ("string", str)):
        if isinstance(item, types):
            return kind
    if isinstance(item, list | tuple):
        return "array"
    return "null" if item is None else "object"


def resolve(ref: str, root: Schema) -> Schema:
    """The schema at a local ``#/$defs/...`` reference."""
    part: Any = root
    for step in ref.removeprefix("#/").split("/"):
        part = part.get(step, {}) if isinstance(part, Mapping) else {}
    return part if isinstance(part, Mapping) else {}


def _null(text: str) -> tuple[bool, Any]:
    return text == "null", None


def _boolean(text: str) -> tuple[bool, Any]:
    lower = text.lower()
    return lower in TRUE | FALSE, lower in TRUE


def _integer(text: str) -> tuple[bool, Any]:
    fits = re.fullmatch(r"[+-]?[0-9]+", text) and len(text) <= MAX_DIGITS
    return (True, int(text)) if fits else (False, None)


def _number(text: str) -> tuple[bool, Any]:
    whole, value = _integer(text)
    if whole:
        return True, value
    # Not all that float() takes: no `1_000`, no `nan`, and no infinity, which JSON has not.
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return False, None
    value = float(text)
    return isfinite(value), value


def _json(kind: type) -> Callable[[str], tuple[bool, Any]]:
    def convert(text: str) -> tuple[bool, Any]:
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return False, None
        return isinstance(value, kind), value

    return convert


CONVERT: Final[dict[str, Callable[[str], tuple[bool, Any]]]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _json(list),
    "object": _json(dict),
    "null": _null,
    "string": lambda text: (True, text),
}
