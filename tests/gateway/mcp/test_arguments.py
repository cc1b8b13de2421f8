"""Arguments are judged by the skill's schema, in bounded time, and no schema leads elsewhere."""

from __future__ import annotations

import pytest

from chatixia.errors import BadArguments
from chatixia.gateway.mcp.arguments import check

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "place"),
    [({}, "city"), ({"city": 3}, "city"), ({"city": "oslo"}, "city"), ({"city": "O", "x": 1}, "x")],
)
def test_what_does_not_fit_is_named(arguments: dict[str, object], place: str):
    with pytest.raises(BadArguments, match=f"forecast: .*{place}"):
        check("forecast", SCHEMA, arguments)


def test_what_fits_passes():
    check("forecast", SCHEMA, {"city": "Oslo", "days": 2})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"$ref": "http://127.0.0.1:1/schema"},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
    ],
)
def test_a_schema_that_cannot_be_used_leaves_it_to_the_skill(schema: dict[str, object]):
    check("x", schema, {"a": "b"})


def test_a_pattern_that_would_take_for_ever_does_not():
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    with pytest.raises(BadArguments):
        check("x", schema, {"a": "a" * 50_000 + "!"})
