"""Text, or a value of a schema."""

from __future__ import annotations

import pytest
from pydantic_ai.messages import ToolCallPart

from chatixia.agent.model.library.outputs import FINAL, Output
from chatixia.errors import BadArguments

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_text_needs_nothing():
    output = Output(None)
    assert not output.is_structured and not output.is_output_of(ToolCallPart(FINAL))
    assert output.agent is Output(None).agent


def test_a_value_comes_by_one_tool():
    output = Output(SCHEMA)
    assert output.is_output_of(ToolCallPart(FINAL)) and not output.is_output_of(ToolCallPart("a"))
    assert output.problem({}) and not output.problem({"n": 1})
    assert output.text({"n": 1}) == '{"n":1}'


def test_a_schema_that_refers_to_itself_is_refused():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    with pytest.raises(BadArguments, match="itself"):
        Output({"type": "object", "properties": node["properties"], "$defs": {"node": node}})
