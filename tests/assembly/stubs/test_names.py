"""Names of strangers as names in source."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.assembly.stubs.names import LONGEST, free, pascal, snake


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("weather", "Weather"),
        ("my-agent.v2", "MyAgentV2"),
        ("a_b", "AB"),
        ("2fast", "Value2fast"),
        ("", "Value"),
        ("日本", "Value"),
    ],
)
def test_classes(text: str, name: str):
    assert pascal(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("city", "city"),
        ("max-temp", "max_temp"),
        ("class", "class_"),
        ("_hidden", "x_hidden"),
        ("2d", "x_2d"),
        ("", "x"),
        ("self", "self_"),
    ],
)
def test_variables(text: str, name: str):
    assert snake(text, {"self"}) == name


@given(st.text(max_size=80))
def test_whatever_a_stranger_writes_becomes_a_name(text: str):
    for name in (pascal(text), snake(text)):
        assert name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
        assert len(name) <= LONGEST + 3


def test_a_name_that_is_taken_gets_a_number():
    assert free("A", {"A", "A2"}) == "A3" and free("B", {"A"}) == "B"
