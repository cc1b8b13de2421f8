"""The command that prints the schemas."""

import json

import pytest


@pytest.mark.parametrize("file", ["agent", "registry"])
def test_it_is_printed(type_, file: str):
    printed = type_("schema", file).json
    assert printed["$schema"].endswith("/schema")
    assert type_("schema", file, "--json").json["schema"] == printed


def test_there_is_no_other(type_):
    done = type_("schema", "weather")
    assert (done.code, "agent" in done.err) == (2, True)
    assert json.loads(type_("schema", "agent").out)["title"].startswith("agent.yaml")
