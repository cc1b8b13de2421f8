"""The description comes from the table, is complete, and every reference in it resolves."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from chatixia.registry.web.openapi import document
from chatixia.wire.base import encode
from chatixia.wire.verbs import TABLE

MADE: dict[str, Any] = json.loads(encode(document("1.2.3")))


NAMES = pathlib.Path(__file__).with_name("openapi_names.txt").read_text("utf-8").splitlines()
"""Operations, then components: clients are generated from them, so a name stays as it is."""


def test_paths_and_components_keep_their_names():
    operations = [f"{verb.upper()} {path}" for path, item in MADE["paths"].items() for verb in item]
    assert [*operations, *sorted(MADE["components"]["schemas"])] == NAMES


def test_the_errors_of_a_status_are_in_order():
    """From run to run: a set's order is of one process."""
    for item in MADE["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                codes = response["description"].removeprefix("done, ").split(", ")
                assert codes == sorted(codes), (operation["operationId"], status)


def test_every_verb_is_there_with_its_rights_and_errors():
    for verb in TABLE:
        found = MADE["paths"][verb.path][verb.method.lower()]
        assert found["operationId"] == verb.name
        assert (found["security"] == []) == ("open" in verb.callers)
        assert str(verb.status) in found["responses"]
        names = {p["name"] for p in found["parameters"] if p["in"] == "path"}
        assert names == set(re.findall(r"\{(\w+)\}", verb.path))
        assert ("requestBody" in found) == (verb.method == "POST")


def test_every_reference_resolves():
    text = json.dumps(MADE)
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in MADE["components"]["schemas"], name
    assert MADE["info"]["version"] == "1.2.3"


def test_query_fields_are_parameters_and_path_fields_leave_the_body():
    listed = MADE["paths"]["/api/tasks"]["get"]["parameters"]
    assert {"state", "limit", "cursor"} <= {p["name"] for p in listed}
    body = MADE["paths"]["/api/tasks/{task_id}/complete"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert "task_id" not in schema["properties"] and "fence" in schema["required"]


def test_a_strangers_validator_finds_nothing():
    assert [error.message for error in OpenAPIV31SpecValidator(MADE).iter_errors()] == []


def test_what_waits_and_what_streams_is_described():
    for verb in TABLE:
        found = MADE["paths"][verb.path][verb.method.lower()]
        assert ("wait" in {p["name"] for p in found["parameters"]}) == verb.waits
        kinds = found["responses"][str(verb.status)]["content"]
        assert ("text/event-stream" in kinds) == verb.streams
