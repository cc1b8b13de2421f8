"""One JSON value and its bounds, against json's own reading of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.wire.values import MAX_DEPTH, flaw, too_deep

SCALARS = st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\a\u20ac')
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='[{"\\'), inner)
)


def depth(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inside), default=0) if isinstance(value, dict | list) else 0


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * levels + "1" + closing * levels).encode()


@given(VALUES)
def test_depth_is_what_a_reader_of_the_value_would_count(value: object):
    data, levels = json.dumps(value).encode(), depth(value)
    assert not too_deep(data, levels)
    assert levels == 0 or too_deep(data, levels - 1)
    assert flaw(data) == ""


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"[":', "}]")])
def test_the_bound_is_a_hundred_in_every_kind_of_bracket(opening: str, closing: str):
    step = opening.count("[") + opening.count("{") - opening.count('"[')
    most = MAX_DEPTH // step
    assert flaw(nested(most, opening, closing)) == ""
    assert "more than 100 deep" in flaw(nested(most + 1, opening, closing))


def test_a_million_levels_are_named_not_followed():
    assert "more than 100 deep" in flaw(nested(1_000_000))


def test_brackets_in_text_and_side_by_side_are_no_depth():
    assert flaw(json.dumps("[" * 500).encode()) == ""
    assert flaw(json.dumps('\\"[{' * 500).encode()) == ""
    assert flaw(b"[" + b",".join([b"[]"] * 500) + b"]") == ""


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"nul", b"[1,]", b"1 2", b"\xff", b"]" * 300, b"[" * 90, b"}{" * 200, b'"a\n"'],
)
def test_what_is_no_json_is_said_so(data: bytes):
    assert flaw(data) == "it is not valid JSON"


def test_what_is_not_utf8_is_said_so():
    assert flaw(b'{"a":"\xff"}') == "it is not UTF-8"
    assert flaw('{"a":"\u20ac"}'.encode()) == ""
