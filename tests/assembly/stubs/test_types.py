"""Types: what a union of them is, and what they are made of."""

from __future__ import annotations

from chatixia.assembly.stubs.types import (
    ANY,
    NULL,
    AnyOf,
    Choice,
    ListOf,
    MapOf,
    Plain,
    TupleOf,
    parts_of,
    union,
)

TEXT = Plain("string")


def test_a_union_is_flat_and_each_once_with_null_last():
    inner = union([NULL, TEXT])
    assert union([inner, ListOf(TEXT), TEXT]) == AnyOf((TEXT, ListOf(TEXT), NULL))
    assert union([TEXT, TEXT]) == TEXT


def test_anything_takes_all_the_others():
    assert union([TEXT, ANY]) == ANY and union([]) == ANY


def test_types_of_another_kind_are_no_same():
    assert union([ListOf(TEXT), MapOf(TEXT)]) == AnyOf((ListOf(TEXT), MapOf(TEXT)))


def test_all_parts_are_found():
    kind = MapOf(ListOf(TupleOf((TEXT, AnyOf((Choice(("a",)), NULL))))))
    found = list(parts_of(kind))
    assert len(found) == 7 and found[0] == kind and found[-1] == NULL
