"""Files among the arguments of a host: where they may stand, what they may be, and whose."""

from __future__ import annotations

from typing import Any

import pytest

from chatixia.client.artifact import SCHEMA, Artifact
from chatixia.errors import BadArguments, NotFound
from chatixia.gateway.mcp.arguments import check
from chatixia.gateway.mcp.files import MARK, fill, with_files
from chatixia.gateway.mcp.resource_store import ResourceStore
from chatixia.wire.artifacts import MAX_ENTRIES

MANY = {"type": "array", "items": SCHEMA}
SHOWN = with_files(
    {
        "type": "object",
        "$defs": {"file": {**SCHEMA, "description": "a sheet"}},
        "properties": {
            "file": SCHEMA,
            "maybe": {"anyOf": [{"$ref": "#/$defs/file"}, {"type": "null"}]},
            "many": MANY,
            "by": {"type": "object", "additionalProperties": SCHEMA},
            "plain": {"type": "object"},
        },
    }
)
ONE = {"text": "one", "name": "a.txt"}


def test_a_file_is_shown_as_the_contents_of_a_resource():
    file, sheet = SHOWN["properties"]["file"], SHOWN["$defs"]["file"]
    assert {"text", "blob", "uri"} < set(file["properties"])
    assert sheet["description"] == "a sheet"
    assert SHOWN["properties"]["plain"] == {"type": "object"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"file": ONE},
        {"maybe": ONE},
        {"many": [ONE]},
        {"by": {"a/~b": ONE}},
    ],
)
async def test_wherever_it_stands_it_is_an_artifact(arguments: dict[str, Any]):
    check("skill", SHOWN, arguments)
    fill(SHOWN, arguments, "desk", ResourceStore())
    [value] = arguments.values()
    if not isinstance(value, Artifact):
        [value] = value if isinstance(value, list) else value.values()
    assert await value.read() == b"one"
    assert (value.name, value.media_type) == ("a.txt", "text/plain")


def test_what_is_no_file_stays_as_it_is():
    arguments = {"plain": dict(ONE), "maybe": None}
    fill(SHOWN, arguments, "desk", ResourceStore())
    assert arguments == {"plain": ONE, "maybe": None}


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ({}, "file: a file has text, blob or uri"),
        ({"blob": "no base64!"}, "file: "),
    ],
)
def test_what_is_nothing_is_refused_with_its_place(file: dict[str, Any], says: str):
    with pytest.raises(BadArguments, match=says):
        fill(SHOWN, {"file": file}, "desk", ResourceStore())


async def test_an_address_is_one_that_a_tool_gave_to_this_caller():
    store = ResourceStore()
    file = store.artifact("desk", Artifact.of(b"kept", name="k"))
    result = store.result("desk", "tool", "[1]")
    arguments: dict[str, Any] = {"many": [{"uri": file.uri}, {"uri": result.uri}]}
    fill(SHOWN, arguments, "desk", store)
    assert [await one.read() for one in arguments["many"]] == [b"kept", b"[1]"]
    for caller, uri in (("laptop", file.uri), ("desk", "file:///etc/passwd"), ("desk", "http://x")):
        with pytest.raises(NotFound):
            fill(SHOWN, {"file": {"uri": uri}}, caller, store)


def test_how_many_and_how_long():
    with pytest.raises(BadArguments, match="files at most"):
        fill(SHOWN, {"many": [dict(ONE) for _ in range(MAX_ENTRIES + 1)]}, "desk", ResourceStore())
    with pytest.raises(BadArguments):
        check("skill", SHOWN, {"file": {"uri": "x" * 2000}})


def test_a_schema_that_only_pretends_harms_nobody():
    """A comment like ours at the root, at a number, and within a file."""
    part = {"$comment": MARK}
    pretending = {
        "type": "object",
        "properties": {"n": part, "o": {**part, "properties": {"p": part}}},
    }
    with pytest.raises(BadArguments, match="n: "):
        fill(pretending, {"n": 3}, "desk", ResourceStore())
    arguments: dict[str, Any] = {"o": {"p": dict(ONE), "text": "two"}}
    fill(pretending, arguments, "desk", ResourceStore())
    assert isinstance(arguments["o"], Artifact)
    whole = {"text": "three"}
    fill({"type": "object", **part}, whole, "desk", ResourceStore())
    assert whole == {"text": "three"}


def test_a_comment_of_another_changes_nothing():
    """Comments, definitions and choices are a skill's own: what fits them reaches it as it came."""
    schema = {
        "$comment": "made by hand",
        "type": "object",
        "$defs": {"sheet": {"type": "object", "$comment": "a sheet", "required": ["text"]}},
        "properties": {"sheet": {"oneOf": [{"$ref": "#/$defs/sheet"}, {"type": "null"}]}},
    }
    assert with_files(schema) == schema
    arguments: dict[str, Any] = {"sheet": dict(ONE)}
    check("skill", schema, arguments)
    fill(schema, arguments, "desk", ResourceStore())
    assert arguments == {"sheet": ONE}
    with pytest.raises(BadArguments, match="sheet"):
        check("skill", schema, {"sheet": {}})
