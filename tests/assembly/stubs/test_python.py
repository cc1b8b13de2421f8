"""The Python file: as `ruff format` leaves it, typed, and never code of a stranger."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatixia.assembly.stubs.python import source
from chatixia.assembly.stubs.schema import agent_types
from chatixia.wire.peer import SkillInfo
from tests.assembly.stubs.sample import module, sample, skills_of, written

RUFF = Path(__import__("sys").executable).with_name("ruff")


def formatted(text: str) -> str:
    done = subprocess.run(
        [RUFF, "format", "--isolated", "--no-cache", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


async def test_the_file_is_formatted_and_says_who_wrote_it():
    text = written("weather", await skills_of(sample()))
    assert formatted(text) == text
    assert text.startswith('"""The agent weather, as `chatixia stubs weather` wrote it')
    assert "class Weather(AgentStub):" in text and "class SyncWeather(SyncAgentStub):" in text
    assert "async def forecast(" in text and "-> TypedItems[str]:" in text
    assert 'unit: Literal["c", "f"] = "c"' in text and "``city``: whose 'weather' it is" in text


def hostile(name: str, words: str) -> list[SkillInfo]:
    schema = {
        "title": words,
        "type": "object",
        "description": words,
        "properties": {
            words: {"type": "string", "description": words, "default": words},
            "kind": {"enum": [words, "b" * 90]},
            "self": {"type": "array", "items": {"enum": [words, *map(str, range(40))]}},
        },
        "required": [words],
    }
    raw = msgspec.Raw(msgspec.json.encode(schema))
    return [SkillInfo(name, words, raw, raw), SkillInfo("b", words, raw, raw, streams=True)]


HOSTILE = [
    '"""\nimport os\n"""',
    "\\",
    '"',
    "x\\'''\n\r\x0bprint()",
    "\u202eevil\u2028line",
    "*/ //",
    "a" * 200,
    "class",
    "None",
    "Weather",
    "UNSET",
    "{x}%s",
    "",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_words_of_a_stranger_are_never_code(words: str):
    text = source(agent_types("weather", hostile(words[:60] or "x", words)))
    assert formatted(text) == text
    allowed = {
        ast.ImportFrom,
        ast.Import,
        ast.ClassDef,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.AnnAssign,
        ast.Expr,
    }
    for node in ast.parse(text).body:
        assert type(node) in allowed
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant)
    assert all(c.isprintable() for c in text.replace("\n", ""))
    made = module(text)
    assert issubclass(made.Weather, object)


leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "default": 3},
        {"type": "number"},
        {"type": "null"},
        {"type": "string", "format": "date", "default": "2026-01-01"},
        {"type": "string", "contentEncoding": "base64"},
        {"enum": ["a", 'b "quoted"', 3]},
        {"const": True},
        {"type": "object", "format": "artifact"},
        {},
    ]
)


def deeper(inner: Any) -> Any:
    names = st.sampled_from(["a", "b-c", "class", "int", "Forecast", "x" * 40, "type", "list"])
    return st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: {"anyOf": parts}),
        inner.map(lambda one: {"type": "array", "items": one, "default": []}),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda parts: {"type": "array", "prefixItems": parts, "items": False}
        ),
        inner.map(lambda one: {"type": "object", "additionalProperties": one}),
        st.tuples(st.dictionaries(names, inner, min_size=1, max_size=4), st.booleans()).map(
            lambda both: {
                "type": "object",
                "title": "Forecast",
                "properties": both[0],
                "required": list(both[0]) if both[1] else [],
            }
        ),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.recursive(leaves, deeper, max_leaves=12), st.booleans())
def test_any_schema_becomes_a_file_that_is_formatted_and_whose_types_can_be_read(
    schema: Any, streams: bool
):
    raw = msgspec.Raw(msgspec.json.encode(schema))
    info = SkillInfo("look-up", "Looks.", raw, raw, streams=streams)
    text = source(agent_types("weather", [info]))
    assert formatted(text) == text
    made = module(text)
    made.Weather.look_up.__wrapped__  # noqa: B018 - it is a method of a stub
    from typing import get_type_hints

    hints = get_type_hints(made.Weather.look_up.__wrapped__, vars(made))
    kind = hints.pop("return")
    for hint in (*hints.values(), kind.__args__[0] if streams else kind):
        msgspec.json.Decoder(hint, dec_hook=lambda kind, value: value)
