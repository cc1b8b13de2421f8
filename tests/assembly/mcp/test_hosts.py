"""Settings of hosts: each readable by what reads it there."""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from chatixia.assembly.mcp.hosts import HOSTS, HostServer, by_command, snippet
from chatixia.errors import ConfigError

LAUNCH = HostServer("/opt/my tools/chatixia", ("mcp", "--agent", "weather"), {"CHATIXIA_HOME": "h"})
REACH = HostServer(url="http://127.0.0.1:8790/mcp", token="t0ken")
JSON_HOSTS = {
    "claude-desktop": "mcpServers",
    "cursor": "mcpServers",
    "vscode": "servers",
    "zed": "context_servers",
    "json": "mcpServers",
}


@pytest.mark.parametrize(("host", "key"), JSON_HOSTS.items())
def test_hosts_that_read_json(host: str, key: str):
    launched = json.loads(snippet(host, LAUNCH))[key]["chatixia"]
    assert (launched["command"], launched["args"]) == (LAUNCH.command, list(LAUNCH.args))
    assert launched["env"] == {"CHATIXIA_HOME": "h"}
    reached = json.loads(snippet(host, REACH))[key]["chatixia"]
    assert reached["url"] == REACH.url
    assert reached["headers"] == {"Authorization": "Bearer t0ken"}


def test_the_types_that_one_host_wants():
    assert json.loads(snippet("vscode", LAUNCH))["servers"]["chatixia"]["type"] == "stdio"
    assert json.loads(snippet("vscode", REACH))["servers"]["chatixia"]["type"] == "http"


def test_a_host_that_takes_a_command():
    words = shlex.split(snippet("claude-code", LAUNCH))
    assert words[words.index("--") + 1 :] == [LAUNCH.command, *LAUNCH.args]
    assert "CHATIXIA_HOME=h" in words
    assert shlex.split(snippet("claude-code", REACH))[-1] == "Authorization: Bearer t0ken"


def test_a_host_that_reads_toml():
    launched = tomllib.loads(snippet("codex", LAUNCH))["mcp_servers"]["chatixia"]
    assert launched == {
        "command": LAUNCH.command,
        "args": list(LAUNCH.args),
        "env": {"CHATIXIA_HOME": "h"},
    }
    reached = tomllib.loads(snippet("codex", REACH))["mcp_servers"]["chatixia"]
    assert reached["http_headers"] == {"Authorization": "Bearer t0ken"}


def test_a_host_that_is_not_known_names_those_that_are():
    with pytest.raises(ConfigError, match=", ".join(HOSTS)):
        snippet("emacs", LAUNCH)


def test_the_command_needs_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "chatixia"
    program.touch()
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.delenv("CHATIXIA_HOME", raising=False)
    assert by_command(["--all"]) == HostServer(str(program), ("mcp", "--all"))
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setenv("CHATIXIA_HOME", "/h")
    server = by_command([])
    assert (server.command, list(server.args)) == (
        sys.executable,
        ["-m", "chatixia.cli", "mcp"],
    )
    assert server.env == {"CHATIXIA_HOME": "/h"}
