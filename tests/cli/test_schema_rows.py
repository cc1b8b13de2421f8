"""A skill's schema as its help shows it."""

from __future__ import annotations

from chatixia.cli import schema_rows as schema
from tests.cli.test_arguments import SCHEMA

NESTED = {
    "type": "object",
    "required": ["place"],
    "properties": {
        "place": {"$ref": "#/$defs/Place", "description": "Where."},
        "stops": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
        "notes": {"type": "object", "additionalProperties": {"type": "string"}},
        "maybe": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}], "default": None},
    },
    "$defs": {
        "Place": {
            "type": "object",
            "required": ["city"],
            "properties": {
                "city": {"type": "string", "description": "Its name."},
                "unit": {"enum": ["c", 7, True], "default": "c"},
                "within": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
            },
        }
    },
}


def test_types_defaults_and_descriptions():
    found = {name: (kind, note) for name, kind, note in schema.arguments(SCHEMA)}
    assert found["city"] == ("string, required", "where")
    assert found["days"] == ("integer, default 3", "")
    assert found["unit"][0] == "c|f|7, optional"
    assert found["colour"][0] == "red|blue|null, optional"
    assert found["maybe"][0] == "integer|null, optional"
    assert found["photo"][0] == "base64, optional"
    assert found["tags"][0] == "list of string, optional"
    assert found["any"][0] == "any, optional"


def test_nested_fields_stand_below_their_argument():
    rows = schema.arguments(NESTED)
    found = {name: (kind, note) for name, kind, note in rows}
    assert [name for name, _, _ in rows][:3] == ["place", "place.city", "place.unit"]
    assert found["place"] == ("object, required", "Where.")
    assert found["place.city"] == ("string, required", "Its name.")
    assert found["place.unit"][0] == 'c|7|true, default "c"'
    assert found["stops"][0] == "list of object, optional"
    assert found["stops[].city"][0] == "string, required"
    assert found["notes"][0] == "object of string, optional"
    assert found["maybe"][0] == "object|null, default null"
    assert found["maybe.city"][0] == "string, required"


def test_a_type_that_names_itself_ends():
    names = [name for name, _, _ in schema.arguments(NESTED)]
    assert max(name.count(".") for name in names) == schema.DEPTH
    wide = {"properties": {f"f{n}": {"type": "string"} for n in range(500)}}
    rows = schema.arguments(wide)
    assert len(rows) == schema.MAX_ROWS + 1 and rows[-1][0] == "..."


def test_what_comes_back():
    assert schema.result({}, False) == []
    assert schema.result({"type": "string"}, True) == [
        ("returns", "string", "streams, item by item")
    ]
    rows = schema.result(NESTED, False)
    assert rows[0][:2] == ("returns", "object")
    assert "returns.place.city" in [name for name, _, _ in rows]
    listed = schema.result({"type": "array", "items": NESTED, "$defs": NESTED["$defs"]}, False)
    assert ("returns[].notes", "object of string, optional", "") in listed
    assert ("returns.place", "object", "Where.") in rows
