"""JSON Schemas of skills as types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chatixia.assembly.stubs.schema import MOST_MODELS, agent_types
from chatixia.assembly.stubs.types import (
    ANY,
    NULL,
    AgentTypes,
    AnyOf,
    Choice,
    ListOf,
    MapOf,
    ModelRef,
    Plain,
    TupleOf,
    Type,
)
from chatixia.wire.peer import SkillInfo
from tests.assembly.stubs.sample import sample, skills_of

TEXT, WHOLE = Plain("string"), Plain("integer")
MODEL = {"title": "Spot", "type": "object", "properties": {"lat": {"type": "number"}}}


def raw(schema: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(schema))


def types(parameters: Any = None, returns: Any = None, name: str = "s") -> AgentTypes:
    return agent_types("weather", [SkillInfo(name, "", raw(parameters or {}), raw(returns or {}))])


def result(schema: Any) -> Type:
    return types(returns=schema).skills[0].returns


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({}, ANY),
        (True, ANY),
        ({"type": "null"}, NULL),
        ({"type": "string"}, TEXT),
        ({"type": "string", "format": "date-time"}, Plain("datetime")),
        ({"type": "string", "format": "email"}, TEXT),
        ({"type": "string", "contentEncoding": "base64"}, Plain("bytes")),
        ({"type": ["string", "null"]}, AnyOf((TEXT, NULL))),
        ({"type": ["array", "null"], "items": {"type": "integer"}}, AnyOf((ListOf(WHOLE), NULL))),
        ({"enum": ["a", 1, True, None]}, AnyOf((Choice(("a", 1, True)), NULL))),
        ({"enum": [1.5]}, Plain("number")),
        ({"const": "a"}, Choice(("a",))),
        ({"anyOf": [{"type": "string"}, {}]}, ANY),
        ({"allOf": [{"type": "string"}], "description": "x"}, TEXT),
        ({"allOf": [{"type": "string"}, {"minLength": 3}]}, ANY),
        ({"type": "array"}, ListOf(ANY)),
        (
            {
                "type": "array",
                "prefixItems": [{"type": "string"}, {"type": "integer"}],
                "items": False,
            },
            TupleOf((TEXT, WHOLE)),
        ),
        ({"type": "object"}, MapOf(ANY)),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, MapOf(WHOLE)),
        ({"type": "object", "format": "artifact"}, Plain("artifact")),
        ({"type": "what"}, ANY),
        ({"type": 5, "enum": "x"}, ANY),
        ({"$ref": "https://elsewhere/x"}, ANY),
        ({"$ref": "#/$defs/none"}, ANY),
        ({"$ref": "#"}, ANY),
    ],
)
def test_each_form(schema: Any, kind: Type):
    assert result(schema) == kind


def test_arguments_have_defaults_and_words():
    schema = {
        "properties": {"a": {"type": "string", "description": "whose"}, "b": {"default": [1]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    [skill] = types(schema).skills
    first, second = skill.fields
    assert (first.name, first.required, first.description) == ("a", True, "whose")
    assert (second.required, second.default) == (False, [1]) and skill.others is None


@pytest.mark.parametrize(
    ("schema", "others"),
    [
        ({}, ANY),
        ({"properties": {"a": {}}}, None),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, TEXT),
        ({"properties": {"a": {}}, "additionalProperties": True}, ANY),
    ],
)
def test_further_arguments(schema: Any, others: Type | None):
    assert types(schema).skills[0].others == others


def test_what_is_alike_is_one_model_and_what_is_not_has_another_name():
    other = {**MODEL, "properties": {"lon": {"type": "number"}}}
    infos = [
        SkillInfo("a", "", raw({}), raw(MODEL)),
        SkillInfo("b", "", raw({}), raw({"$ref": "#/$defs/Spot", "$defs": {"Spot": MODEL}})),
        SkillInfo("c", "", raw({}), raw(other)),
    ]
    read = agent_types("weather", infos)
    assert [skill.returns for skill in read.skills] == [
        ModelRef("Spot"),
        ModelRef("Spot"),
        ModelRef("Spot2"),
    ]
    assert [model.name for model in read.models] == ["Spot", "Spot2"]


def test_a_model_that_holds_itself():
    node = {
        "title": "Node",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}},
    }
    read = types(returns={**node, "$defs": {"Node": node}})
    [model] = read.models
    assert model.fields[0].type == AnyOf((ModelRef("Node"), NULL))


def test_names_that_the_file_needs_for_itself_are_left_to_it():
    titles = ("Struct", "Weather", "SyncWeather", "Any")
    infos = [SkillInfo(t, "", raw({}), raw({"title": t, "properties": {t: {}}})) for t in titles]
    read = agent_types("weather", infos)
    assert {m.name for m in read.models} == {"Struct2", "Weather2", "SyncWeather2", "Any2"}


def test_what_is_endless_ends():
    doubling = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    assert result({"$ref": "#/$defs/d0", "$defs": doubling}) == ANY
    assert result({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}) == ANY
    deep: Any = {"type": "string"}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    assert isinstance(result(deep), ListOf)
    many = {f"f{n}": {"properties": {f"p{n}": {}}} for n in range(MOST_MODELS + 5)}
    assert len(types(returns={"properties": many}).models) == MOST_MODELS


def test_a_schema_that_is_none_says_nothing():
    info = SkillInfo("s", "", msgspec.Raw(b"[1]"), msgspec.Raw(b"{"))
    [skill] = agent_types("weather", [info]).skills
    assert (skill.returns, skill.fields, skill.others) == (ANY, [], ANY)


async def test_the_class_is_named_after_the_agent_or_as_told():
    infos = await skills_of(sample())
    assert agent_types("my-weather.v2", infos).class_name == "MyWeatherV2"
    assert agent_types("weather", infos, "Sky").class_name == "Sky"
