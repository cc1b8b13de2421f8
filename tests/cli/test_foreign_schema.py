"""Whatever a member lists as a schema, the command line reads it."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.cli.arguments import one
from chatixia.cli.foreign_schema import READERS, read_foreign, sound
from chatixia.cli.schema_rows import arguments, result
from chatixia.errors import BadArguments

KEYS = st.sampled_from([*READERS, "default", "const", "a"])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.sampled_from(["object", "array", "#/$defs/a"])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)


def read(schema: object) -> None:
    """All that the command line does with one."""
    safe = sound(schema)
    arguments(safe)
    result(safe, streams=True)
    with contextlib.suppress(BadArguments):
        one("a=1", safe, lambda name: b"")


@given(st.dictionaries(KEYS, ANYTHING, max_size=5))
def test_no_schema_breaks_the_command_line(schema: dict[str, object]):
    read(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense", "properties": {"q": 7, "w": {"type": ["string", 4]}}, "required": "q"},
        {"properties": {"a": {"enum": 5, "items": [1], "$ref": 7}}, "required": [1, "a"]},
        [],
        7,
        None,
    ],
)
def test_what_no_schema_has_is_left_out(schema: object):
    read(schema)
    assert read_foreign(msgspec.json.encode(schema)) == sound(schema)


def test_a_sound_schema_stays_as_it_is():
    schema = {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"], "default": 1}, "b": {"$ref": "#/$defs/x"}},
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"x": {"anyOf": [{"type": "array", "items": {"type": "string"}}], "x-own": [1]}},
    }
    assert sound(schema) == schema
