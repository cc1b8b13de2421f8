"""What a skill's schemas say, as types that a language can be written in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, Literal

import msgspec

Word = Literal[
    "any",
    "null",
    "boolean",
    "integer",
    "number",
    "string",
    "bytes",
    "datetime",
    "date",
    "time",
    "duration",
    "uuid",
    "decimal",
    "artifact",
]

FORMATS: Final[dict[str, Word]] = {
    "date-time": "datetime",
    "date": "date",
    "time": "time",
    "duration": "duration",
    "uuid": "uuid",
    "decimal": "decimal",
}
"""Formats of texts that are types of their own."""


class Plain(msgspec.Struct, frozen=True):
    """A type without parts."""

    word: Word


class Choice(msgspec.Struct, frozen=True):
    """One of these values; each a text, whole number or boolean."""

    values: tuple[Any, ...]


class ListOf(msgspec.Struct, frozen=True):
    """An array."""

    item: Type


class TupleOf(msgspec.Struct, frozen=True):
    """An array of a known length."""

    items: tuple[Type, ...]


class MapOf(msgspec.Struct, frozen=True):
    """An object with any keys."""

    value: Type


class ModelRef(msgspec.Struct, frozen=True):
    """The model of that name."""

    name: str


class AnyOf(msgspec.Struct, frozen=True):
    """One of these, each once, two at least."""

    parts: tuple[Type, ...]


Type = Plain | Choice | ListOf | TupleOf | MapOf | ModelRef | AnyOf
ANY: Final = Plain("any")
NULL: Final = Plain("null")


class Field(msgspec.Struct):
    """A property of an object, or an argument. ``default``: UNSET where the schema names none."""

    name: str
    type: Type
    required: bool = True
    default: Any = msgspec.UNSET
    description: str = ""


class Model(msgspec.Struct):
    """An object with known properties."""

    name: str
    fields: list[Field]
    description: str = ""


class SkillTypes(msgspec.Struct):
    """One skill. ``others``: what further arguments may be, None where there are none."""

    name: str
    fields: list[Field]
    returns: Type
    others: Type | None = None
    streams: bool = False
    description: str = ""


class AgentTypes(msgspec.Struct):
    """The skills of one agent, and the models that they use, in order of their first use."""

    agent: str
    class_name: str
    skills: list[SkillTypes]
    models: list[Model]

    def types(self) -> Iterator[Type]:
        """Every type, with the parts of each."""
        for skill in self.skills:
            yield from parts_of(skill.returns)
            if skill.others is not None:
                yield from parts_of(skill.others)
        fields = [one.fields for one in self.models] + [one.fields for one in self.skills]
        for field in chain.from_iterable(fields):
            yield from parts_of(field.type)


def parts_of(kind: Type) -> Iterator[Type]:
    """A type and all that it is made of."""
    yield kind
    inner: tuple[Type, ...] = ()
    if isinstance(kind, ListOf):
        inner = (kind.item,)
    elif isinstance(kind, MapOf):
        inner = (kind.value,)
    elif isinstance(kind, TupleOf):
        inner = kind.items
    elif isinstance(kind, AnyOf):
        inner = kind.parts
    for part in inner:
        yield from parts_of(part)


def union(parts: list[Type]) -> Type:
    """One of these: flat, each once, ``null`` last, and anything where one is anything."""
    flat: dict[Type, None] = {}
    for part in parts:
        for one in part.parts if isinstance(part, AnyOf) else (part,):
            flat[one] = None
    if ANY in flat or not flat:
        return ANY
    if NULL in flat:
        del flat[NULL]
        flat[NULL] = None
    return next(iter(flat)) if len(flat) == 1 else AnyOf(tuple(flat))
