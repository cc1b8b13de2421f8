"""An answer fits its schema, and a schema fetches nothing and holds nobody up."""

from __future__ import annotations

from typing import Any

import pytest

from chatixia.agent.model.library.answer_schema import AnswerSchema
from chatixia.client.ask import MAX_SCHEMA
from chatixia.errors import BadArguments


def test_what_is_wrong_is_said_with_its_place():
    schema = AnswerSchema({"type": "object", "properties": {"a": {"type": "integer"}}})
    assert schema.problem({"a": 1}) == ""
    assert schema.problem({"a": "x"}) == 'a: "x" is not of type "integer".'


def test_what_is_no_object_is_put_into_one():
    plain = {"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}
    schema = AnswerSchema(plain)
    assert schema.offered["properties"]["answer"]["items"] == {"$ref": "#/$defs/n"}
    assert schema.offered["$defs"] == plain["$defs"]
    assert schema.value({"answer": [1]}) == [1]
    assert schema.problem([1]) == "" and schema.problem(["x"])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/hostname"},
        {"type": "string", "pattern": "("},
        {"type": "string", "description": "x" * MAX_SCHEMA},
    ],
    ids=["no type", "elsewhere", "a file", "no pattern", "too large"],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any]):
    with pytest.raises(BadArguments):
        AnswerSchema(schema)


@pytest.mark.timeout(5)
def test_no_pattern_takes_forever():
    schema = AnswerSchema({"type": "string", "pattern": "^(a+)+$"})
    assert schema.problem("a" * 5000 + "b")
