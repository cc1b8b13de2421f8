"""The JSON Schema of a manifest says what the reader of manifests says."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from chatixia.agent.manifest import Manifest, dotted_keys, parse
from chatixia.assembly.run.manifest_schema import agent_schema, registry_schema
from chatixia.assembly.run.settings import GROUPS
from chatixia.errors import ConfigError
from tests.agent.test_manifest import FULL

VALID = jsonschema.Draft202012Validator(agent_schema())

GOOD: list[dict[str, Any]] = [
    {},
    yaml.safe_load(FULL),
    {"name": "a", "skills": ["delegate"], "membership_ttl": "12h", "links": {"keep": "all"}},
    {"name": "a", "budgets": {"task": {"money": 0.5}}, "model_settings": {"anything": [1]}},
]
BAD: list[dict[str, Any]] = [
    {"nmae": "a"},
    {"provider": "acme"},
    {"slots": 0},
    {"slots": True},
    {"links": {"kep": 1}},
    {"budgets": {"task": {"turns": -1}}},
    {"skills": {"prompts": [{"name": "x"}]}},
    {"membership_ttl": "banana"},
    {"callers": "laptop"},
]


def test_it_is_a_schema_and_every_key_is_in_it():
    jsonschema.Draft202012Validator.check_schema(agent_schema())
    jsonschema.Draft202012Validator.check_schema(registry_schema())
    keys = agent_schema()["properties"].keys()
    assert {key for key in dotted_keys(Manifest) if "." not in key} | {"agents"} == set(keys)
    assert GROUPS & keys


@pytest.mark.parametrize("data", GOOD)
def test_what_is_read_is_valid(data: dict[str, Any]):
    parse(data, "here")
    assert VALID.is_valid(data)


@pytest.mark.parametrize("data", BAD)
def test_what_is_refused_is_not(data: dict[str, Any]):
    with pytest.raises(ConfigError):
        parse(data, "here")
    assert not VALID.is_valid(data)


@pytest.mark.parametrize(
    ("data", "valid"),
    [
        ({"slots": "${SLOTS:-8}", "announcements": "${A:-true}", "name": "${NAME}"}, True),
        ({"slots": "SLOTS"}, False),
        ({"slots": 3, "agents": [{"name": "a"}, {"name": "b", "slots": 1}]}, True),
        ({"agents": [{"slots": 3}]}, False),
        ({"agents": [{"name": "a", "agents": [{"name": "b"}]}]}, False),
        ({"agents": []}, False),
    ],
)
def test_variables_and_several_agents(data: dict[str, Any], valid: bool):
    assert VALID.is_valid(data) is valid


def test_a_registry_takes_times_as_they_are_written():
    check = jsonschema.Draft202012Validator(registry_schema())
    assert check.is_valid({"token_ttl": "20s"}) and check.is_valid({"token_ttl": 20})
    assert not check.is_valid({"tokn_ttl": 20})
