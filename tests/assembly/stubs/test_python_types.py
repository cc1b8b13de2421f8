"""Types as Python source: what msgspec can read, and no more."""

from __future__ import annotations

import ast
from typing import Any

import msgspec
import pytest

from chatixia.assembly.stubs.python_types import TypeWriter, is_default, literal, text
from chatixia.assembly.stubs.schema import agent_types
from chatixia.assembly.stubs.types import (
    NULL,
    AgentTypes,
    AnyOf,
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
)
from chatixia.wire.peer import SkillInfo

TEXT, WHOLE = Plain("string"), Plain("integer")


def writer(*models: Model, kind: Type = NULL) -> TypeWriter:
    skill = SkillTypes("s", [], kind)
    return TypeWriter(AgentTypes("a", "A", [skill], list(models)))


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        (Plain("datetime"), "dt.datetime"),
        (ListOf(MapOf(WHOLE)), "list[dict[str, int]]"),
        (TupleOf((TEXT, NULL)), "tuple[str, None]"),
        (Choice(("a", 1)), 'Literal["a", 1]'),
        (Choice((True,)), "bool"),
        (AnyOf((WHOLE, Plain("number"), NULL)), "int | float | None"),
        # No reader could tell these apart.
        (AnyOf((TEXT, Plain("date"))), "str"),
        (AnyOf((Choice(("a",)), Plain("uuid"))), "str"),
        (AnyOf((Choice(("a", 1)), WHOLE)), 'Literal["a"] | int'),
        (AnyOf((ListOf(TEXT), ListOf(WHOLE))), "list[Any]"),
        (AnyOf((MapOf(TEXT), MapOf(WHOLE))), "dict[str, Any]"),
    ],
)
def test_each_type_is_one_that_can_be_read(kind: Type, source: str):
    assert writer().full(kind) == source
    import datetime
    from typing import Literal

    names = {"dt": datetime, "Literal": Literal, "Any": Any}
    msgspec.json.Decoder(eval(source, names))


def field(name: str, *values: Any) -> Field:
    return Field(name, Choice(values) if values else TEXT)


def test_models_are_told_apart_by_a_field_that_says_which():
    circle, square = Model("C", [field("kind", "c")]), Model("S", [field("kind", "s")])
    both = AnyOf((ModelRef("C"), ModelRef("S"), NULL))
    made = writer(circle, square, kind=both)
    assert made.tags == {"C": ("kind", "c"), "S": ("kind", "s")}
    assert made.full(both) == "C | S | None"


def test_models_that_nothing_tells_apart_are_anything():
    both = AnyOf((ModelRef("C"), ModelRef("S")))
    for one, two in (("a", "a"), ("", "")):
        fields = [field("kind", *filter(None, [one]))], [field("kind", *filter(None, [two]))]
        made = writer(Model("C", fields[0]), Model("S", fields[1]), kind=both)
        assert made.full(both) == "Any" and not made.tags


def test_a_long_type_is_an_alias_and_is_written_once():
    made = writer()
    long = Choice(tuple(f"value {n} of many" for n in range(9)))
    assert made.short(TEXT, "X") == "str"
    assert made.short(long, "unit") == "Unit" == made.short(long, "other")
    lines = made.alias_lines()
    assert lines[0] == "Unit: TypeAlias = Literal[" and lines[-1] == "]"
    ast.parse("\n".join(lines))
    assert "from typing import Literal, TypeAlias" in made.import_lines()


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        (3, WHOLE, True),
        (3, Plain("number"), True),
        (3.5, WHOLE, False),
        (True, WHOLE, False),
        (True, Plain("boolean"), True),
        (None, AnyOf((TEXT, NULL)), True),
        (None, TEXT, False),
        ("c", Choice(("c",)), True),
        ("d", Choice(("c",)), False),
        ("2026-01-01", Plain("date"), False),
        ("x" * 90, TEXT, False),
        ([], ListOf(TEXT), False),
        (msgspec.UNSET, TEXT, False),
        (msgspec.UNSET, Plain("any"), False),
    ],
)
def test_defaults_that_can_stand_in_source(value: Any, kind: Type, fits: bool):
    assert is_default(value, kind) is fits


@pytest.mark.parametrize(
    "value",
    ["a", '"', "\\", "\n", "\u202e", "\U000e0001", "é", "'\"'"],
    ids=["plain", "quote", "backslash", "line", "direction", "tag", "accent", "both"],
)
def test_a_text_is_one_literal_that_shows_what_it_is(value: str):
    assert ast.literal_eval(text(value)) == value and text(value).isprintable()
    assert literal(None) == "None" and literal(1.5) == "1.5"


def test_agent_types_are_what_is_written():
    info = SkillInfo("s", "", msgspec.Raw(b"{}"), msgspec.Raw(b'{"type":"string","format":"uuid"}'))
    made = TypeWriter(agent_types("a", [info]))
    assert made.full(Plain("uuid")) == "UUID" and made.names == {"A", "SyncA"}
