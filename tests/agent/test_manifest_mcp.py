"""`mcp` in a manifest: what can be a server, and that secrets stand there by name only."""

from __future__ import annotations

from typing import Any

import pytest

from chatixia.agent.manifest import parse
from chatixia.agent.manifest_mcp import McpServer, check_server, is_named, missing_variables
from chatixia.errors import ConfigError

HTTP = {"url": "https://tools.example/mcp"}


@pytest.mark.parametrize(
    "server",
    [
        {"command": "npx", "args": ["-y", "x"], "env": ["TOKEN"]},
        {**HTTP, "token": "TOKEN", "headers": {"X-Key": "KEY"}},
        {"url": "http://127.0.0.1:8790/mcp", "token": "TOKEN"},
        {"url": "http://tools.example/mcp"},
    ],
)
def test_what_can_be_a_server(server: dict[str, Any]):
    parsed = parse({"mcp": {"files": server}}, "agent.yaml").mcp["files"]
    check_server("files", parsed)


@pytest.mark.parametrize(
    ("name", "server", "said"),
    [
        ("Files", {"command": "x"}, "cannot name a server"),
        ("a/b", {"command": "x"}, "cannot name a server"),
        ("x" * 33, {"command": "x"}, "cannot name a server"),
        ("a", {}, "either command or url"),
        ("a", {"command": "x", **HTTP}, "either command or url"),
        ("a", {"url": "file:///x"}, "http"),
        ("a", {"url": "https://u:p@tools.example/"}, "http"),
        ("a", {"url": "http://tools.example/", "token": "TOKEN"}, "in clear"),
        ("a", {**HTTP, "args": ["x"]}, "args and env"),
        ("a", {"command": "x", "token": "TOKEN"}, "use env"),
        ("a", {"command": "x", "env": ["TOKEN=secret"]}, "only their names"),
        ("a", {**HTTP, "headers": {"X-Key": "sk 123"}}, "only their names"),
    ],
)
def test_what_cannot(name: str, server: dict[str, Any], said: str):
    parsed = parse({"mcp": {name: server}}, "agent.yaml").mcp[name]
    with pytest.raises(ConfigError, match=said):
        check_server(name, parsed)


def test_a_key_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="comand"):
        parse({"mcp": {"files": {"comand": "x"}}}, "agent.yaml")


def test_patterns_and_variables():
    assert is_named("read_file", ["write", "read_*"])
    assert not is_named("read_file", [])
    server = McpServer(command="x", env=["A", "B"])
    assert missing_variables(server, {"A": "1", "B": ""}) == ["B"]
