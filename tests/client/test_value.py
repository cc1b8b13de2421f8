"""Values out and back."""

from __future__ import annotations

import copy
import json
import pickle
from collections import ChainMap, UserString, deque
from dataclasses import dataclass
from datetime import date
from enum import Enum
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.client.value import (
    Unwritable,
    Value,
    decode,
    encode,
    encode_args,
    encode_sorted,
)
from chatixia.errors import BadArguments, BadRequest
from chatixia.wire.values import FEW, flaw

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


@dataclass
class Nested:
    x: float | None


class Model:
    """Shaped as a pydantic model whose field has an alias."""

    def model_dump(self, mode: str, by_alias: bool = False) -> dict[str, Any]:
        return {"cityName" if by_alias else "city_name": mode}


class Markup(str):
    __slots__ = ()


class Many(list[int]):
    pass


class Exact(float):
    pass


RELATIVES: list[tuple[Any, Any]] = [
    (Markup("<b>"), "<b>"),
    (Many([1]), [1]),
    (Exact(0.5), 0.5),
    (UserString("ab"), "ab"),
    (deque([1, 2]), [1, 2]),
    (range(2), [0, 1]),
    ({1: 2}.keys(), [1]),
    ({1: 2}.values(), [2]),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (ChainMap({"a": 1}), {"a": 1}),
    (PurePosixPath("/tmp/x"), "/tmp/x"),
    (IPv4Address("10.0.0.1"), "10.0.0.1"),
]


@pytest.mark.parametrize(("value", "plain"), RELATIVES, ids=lambda x: type(x).__name__)
def test_relatives_of_builtin_types_are_written_as_those(value: Any, plain: Any):
    """celery/celery#3604: what is nearly a builtin broke the whole result."""
    assert decode(encode({"x": [value]})) == {"x": [plain]}


def test_half_a_character_is_named():
    for value in ("\ud83d", {"\ud83d": 1}):
        with pytest.raises(Unwritable, match="lone surrogate"):
            encode(value)
    with pytest.raises(Unwritable, match="NaN"):
        encode(Exact("nan"))


class Array:
    def tolist(self) -> list[int]:
        return [1, 2]


@given(JSON)
def test_json_comes_back_as_it_was(value: Any):
    assert decode(msgspec.json.encode(value)) == value


def test_objects_have_attributes():
    found = decode(b'{"city":"Oslo","deep":[{"a":{"b":1}}],"items":3}')
    assert found.city == "Oslo"
    assert found.deep[0].a.b == 1
    assert found["items"] == 3
    assert found == {"city": "Oslo", "deep": [{"a": {"b": 1}}], "items": 3}
    assert json.loads(json.dumps(found)) == found
    with pytest.raises(AttributeError, match="no field 'town'; there are: city, deep, items"):
        _ = found.town


def test_objects_copy_and_pickle():
    found = Value(a=Value(b=1))
    assert copy.deepcopy(found) == pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Point(1), b'{"x":1}'),
        (Color.RED, b'"red"'),
        (date(2026, 1, 2), b'"2026-01-02"'),
        (Model(), b'{"cityName":"json"}'),
        ([Array()], b"[[1,2]]"),
        ({1: 2}, b'{"1":2}'),
    ],
)
def test_what_goes_out(value: Any, text: bytes):
    assert encode(value) == text


def test_sorted_is_the_same_in_any_order_and_refuses_what_encode_does():
    one = {"b": {3, 1, 2}, "a": {2: date(2026, 1, 2), 1: Point(1)}}
    other = {"a": {1: Point(1), 2: date(2026, 1, 2)}, "b": {2, 3, 1}}
    assert encode_sorted(one) == encode_sorted(other)
    assert encode_sorted(one) == b'{"a":{"1":{"x":1},"2":"2026-01-02"},"b":[1,2,3]}'
    assert encode_sorted(Model()) == encode(Model())
    for bad in (object(), float("nan")):
        with pytest.raises(BadArguments, match="cannot be written as JSON"):
            encode_args({"a": bad}, encode_sorted)


def test_what_cannot():
    with pytest.raises(Unwritable, match="an object cannot be written as JSON"):
        encode(object())
    with pytest.raises(BadArguments, match="an object cannot be written as JSON"):
        encode_args({"a": object()})
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(BadArguments):
        encode_args({"a": deep})


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"a":NaN}', b"\xff", b'{"\xff":1}', b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_no_json(data: bytes):
    with pytest.raises(BadRequest, match="not valid JSON"):
        decode(data)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "wrap", [lambda n: n, lambda n: {"a": [None, n]}, Nested], ids=["bare", "deep", "field"]
)
def test_what_json_has_no_number_for_is_refused_and_does_not_become_null(number: float, wrap: Any):
    with pytest.raises(Unwritable, match="NaN or infinite"):
        encode(wrap(number))
    with pytest.raises(BadArguments, match="NaN or infinite"):
        encode_args({"a": wrap(number)})


def test_null_itself_travels_inside_anything():
    found = decode(encode({"a": None, "b": Nested(None), "c": "null", 4: date(2026, 1, 2)}))
    assert found == {"a": None, "b": {"x": None}, "c": "null", "4": "2026-01-02"}


def test_a_hundred_levels_travel_and_one_more_is_refused_where_it_is_sent():
    value: Any = 1
    for _ in range(98):
        value = [value]
    assert decode(encode({"a": {"b": value}})) == {"a": {"b": value}}
    for wrap in (lambda deep: [deep], lambda deep: {"c": deep}, lambda deep: Nested([deep])):
        with pytest.raises(Unwritable, match="more than 100 deep"):
            encode({"a": {"b": wrap(value)}})
        with pytest.raises(BadArguments, match="more than 100 deep"):
            encode_args({"a": {"b": wrap(value)}})


@pytest.mark.parametrize("raw", [b"{", b"nul", b'"\xff"', b"]", b"1 2", b""])
def test_raw_json_is_read_before_it_is_sent(raw: bytes):
    with pytest.raises(Unwritable, match="it is not"):
        encode(msgspec.Raw(raw))
    with pytest.raises(BadArguments, match="it is not"):
        encode_args({"a": msgspec.Raw(raw)})
    assert encode({"a": msgspec.Raw(b"[1]")}) == b'{"a":[1]}'


@pytest.mark.parametrize("value", ["x", 1, 1.5, None, True, {}, {"a": 1, "b": "x"}])
def test_flat_values_have_no_flaw_without_a_second_look(value: object):
    assert flaw(encode(value)) == ""


@pytest.mark.parametrize(
    "value",
    [
        msgspec.Raw(b"{"),
        {"a": msgspec.Raw(b"{")},
        [msgspec.Raw(b"1]")],
        {str(n): n for n in range(FEW)} | {"last": msgspec.Raw(b"nul")},
    ],
)
def test_what_hides_a_flaw_is_looked_at(value: object):
    with pytest.raises(Unwritable, match="not valid JSON"):
        encode(value)
