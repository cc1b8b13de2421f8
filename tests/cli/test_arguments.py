"""Words become arguments by the skill's schema; what does not fit is left to the far side."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.cli.arguments import assemble, files, kind_of, perhaps_typed
from chatixia.errors import BadArguments

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "where"},
        "days": {"type": "integer", "default": 3},
        "high": {"type": "number"},
        "loud": {"type": "boolean", "default": False},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"$ref": "#/$defs/Place"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "unit": {"enum": ["c", "f", 7]},
        "word": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "größe": {"type": "integer"},
        "any": {},
        "round": {"$ref": "#/$defs/Round"},
        "photo": {"type": "string", "contentEncoding": "base64"},
        "maybe_photo": {
            "anyOf": [{"type": "string", "contentEncoding": "base64"}, {"type": "null"}]
        },
        "colour": {"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "null"}]},
    },
    "required": ["city"],
    "$defs": {
        "Place": {"type": "object", "properties": {}},
        "Colour": {"type": "string", "enum": ["red", "blue"]},
        "Round": {"anyOf": [{"$ref": "#/$defs/Round"}]},
    },
}


CONTENT = {
    "-": b'{"city":"Oslo","days":2}',
    "note.txt": b"line one\r\nline two\n",
    "2.txt": b"2",
    "raw": b"\xff\x00\r\n",
}
read = CONTENT.__getitem__


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("city=Oslo", {"city": "Oslo"}),
        ("city=2", {"city": "2"}),
        ("city=", {"city": ""}),
        ("city=a=b:=c", {"city": "a=b:=c"}),
        ("days=2", {"days": 2}),
        ("days=-2", {"days": -2}),
        ("days=two", {"days": "two"}),
        ("days=2.5", {"days": "2.5"}),
        ("high=2.5", {"high": 2.5}),
        ("high=2", {"high": 2}),
        ("high=nan", {"high": "nan"}),
        ("high=.5", {"high": 0.5}),
        ("high=-1.", {"high": -1.0}),
        ("high=+1e3", {"high": 1000.0}),
        ("high=1e999", {"high": "1e999"}),
        ("high=1_0", {"high": "1_0"}),
        ("high=.", {"high": "."}),
        ("days=1234567890123456789", {"days": 1234567890123456789}),
        ("days=-" + "9" * 4299, {"days": -int("9" * 4299)}),
        ("days=" + "9" * 4301, {"days": "9" * 4301}),
        ("days=٣", {"days": "٣"}),
        ("größe=3", {"größe": 3}),
        ("größe:=[3]", {"größe": [3]}),
        ("loud=true", {"loud": True}),
        ("loud=no", {"loud": False}),
        ("loud=perhaps", {"loud": "perhaps"}),
        ('tags=["a"]', {"tags": ["a"]}),
        ("tags=a", {"tags": "a"}),
        ('place={"x":1}', {"place": {"x": 1}}),
        ("maybe=3", {"maybe": 3}),
        ("maybe=null", {"maybe": None}),
        ("maybe=", {"maybe": ""}),
        ("word=", {"word": ""}),
        ("word=null", {"word": None}),
        ("unit=c", {"unit": "c"}),
        ("unit=7", {"unit": 7}),
        ("any=7", {"any": "7"}),
        ("round=x", {"round": "x"}),
        ("unknown=1", {"unknown": "1"}),
        ("days:=7", {"days": 7}),
        ('city:={"a":[1]}', {"city": {"a": [1]}}),
        ("city@note.txt", {"city": "line one\nline two\n"}),
        ("days@2.txt", {"days": 2}),
        ("photo@raw", {"photo": "/wANCg=="}),
        ("maybe_photo@raw", {"maybe_photo": "/wANCg=="}),
        ("photo=/wANCg==", {"photo": "/wANCg=="}),
        ("-", {"city": "Oslo", "days": 2}),
    ],
)
def test_one_word(word, value):
    assert assemble([word], SCHEMA, read) == value


@pytest.mark.parametrize(
    "words",
    [["Oslo"], ["=x"], ["days:=}"], ["days:="], ["city=a", "city=b"], ["-", "city=b"], ["9a=1"]],
)
def test_words_that_mean_nothing_are_refused(words):
    with pytest.raises(BadArguments):
        assemble(words, SCHEMA, read)


@pytest.mark.parametrize(
    ("rest", "value"), [({"type": "integer"}, 3), (True, "3"), (False, "3"), ({}, "3")]
)
def test_what_a_skill_takes_beyond_its_names_has_its_type(rest, value):
    assert assemble(["other=3"], SCHEMA | {"additionalProperties": rest}, read) == {"other": value}


def test_only_a_skill_that_takes_bytes_gets_what_is_no_text():
    with pytest.raises(BadArguments, match="raw cannot be read: it is not UTF-8 text"):
        assemble(["city@raw"], SCHEMA, read)
    with pytest.raises(BadArguments, match="standard input cannot be read"):
        assemble(["-"], SCHEMA, lambda _: b"\xff")


def test_the_files_that_will_be_read():
    words = ["city@note.txt", "days=2", "a:=1", "-", "odd@-", "=x", "city=a@b"]
    assert list(files(words)) == ["note.txt", "-", "-"]


def test_standard_input_must_be_an_object():
    with pytest.raises(BadArguments, match="one JSON object"):
        assemble(["-"], SCHEMA, lambda _: b"[1]")


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers() | st.text()))
def test_any_value_can_be_written_as_json(values):
    words = [f"{name}:={msgspec.json.encode(value).decode()}" for name, value in values.items()]
    fits = {k: v for k, v in values.items() if not isinstance(v, int) or abs(v) < 2**63}
    assert assemble([w for w in words if w.split(":=")[0] in fits], {}, read) == fits


@given(st.text(), st.sampled_from(sorted(SCHEMA["properties"])))
def test_no_text_breaks_it(text, name):
    value = assemble([f"{name}={text}"], SCHEMA, read)[name]
    assert kind_of(value) in {"boolean", "integer", "number", "string", "array", "object", "null"}


def test_words_that_may_be_meant_as_json():
    words = ["a=1", "b=x", "c:=2", "d=[1]", "e=", "f=007", 'g="x"', "h@file", "-", "i=\udce9"]
    assert list(perhaps_typed(words)) == ["a:=1", "d:=[1]", 'g:="x"']
