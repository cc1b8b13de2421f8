"""What is typed at `chatixia mcp`; what it serves is in tests/acceptance/test_mcp.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from chatixia.assembly.profile.profile import Profile


def test_a_host_gets_its_settings(type_: Any, home: Path):
    done = type_("mcp", "--config", "cursor", "--agent", "weather")
    assert done.code == 0
    assert json.loads(done.out)["mcpServers"]["chatixia"]["args"][-2:] == ["--agent", "weather"]
    assert "~/.cursor/mcp.json" in done.err


def test_over_http_they_hold_a_token(type_: Any, home: Path):
    Profile.create(machine="laptop")
    done = type_("mcp", "--config", "json", "--http", "127.0.0.1:9")
    server = json.loads(done.out)["mcpServers"]["chatixia"]
    assert server["url"] == "http://127.0.0.1:9/mcp"
    assert server["headers"]["Authorization"].startswith("Bearer ")


def test_over_http_the_command_that_serves_what_was_chosen_is_shown(type_: Any, home: Path):
    Profile.create(machine="laptop")
    words = ("--http", "127.0.0.1:9", "--skills", "weather/*", "--all")
    done = type_("mcp", "--config", "json", *words)
    command = 'chatixia mcp --http 127.0.0.1:9 --skills "weather/*" --all'
    assert f"it reaches what runs as `{command}`" in done.err
    assert json.loads(type_("mcp", "--config", "json", *words, "--json").out)["command"] == command
    assert "runs as" not in type_("mcp", "--config", "json").err


def test_mistakes_are_one_sentence(type_: Any, home: Path):
    for words, what in (
        (("--config", "emacs"), "There is no host"),
        (("--http", "nowhere:x"), "no address"),
        (("--timeout", "0"), "above 0"),
    ):
        done = type_("mcp", *words)
        assert done.code == 2, done.err
        assert what in done.err


def test_it_listens_beyond_this_machine_only_by_a_word(type_: Any, home: Path):
    Profile.create(machine="laptop")
    done = type_("mcp", "--http", "0.0.0.0:0")
    assert done.code == 2
    assert "--clear" in done.err


def manifest(folder: Path) -> Path:
    stranger = Path(__file__).parents[1] / "gateway" / "mcp" / "stranger.py"
    (folder / "agent.yaml").write_text(
        f"name: helper\nmcp:\n  files:\n    command: {sys.executable}\n"
        f"    args: ['{stranger}']\n    tools: [add, fail]\n    skills: [add]\n"
    )
    return folder


def test_servers_of_a_manifest_are_listed_and_tried(type_: Any, home: Path, tmp_path: Path):
    at = str(manifest(tmp_path))
    listed = type_("mcp", "list", at)
    assert listed.code == 0, listed.err
    assert "skill, write" in listed.out
    rows = json.loads(type_("mcp", "list", at, "--json").out)["tools"]
    assert [row["tool"] for row in rows] == ["add", "environ", "fail"]
    assert "used as" in type_("mcp", "try", "files", "--at", at).out
    done = type_("mcp", "try", "files", "add", '{"a": 1, "b": 2}', "--at", at)
    assert (done.code, done.out) == (0, "3\n")
    assert type_("mcp", "try", "files", "fail", "--at", at).code == 1


def test_a_server_that_does_not_start_hides_no_other(type_: Any, home: Path, tmp_path: Path):
    at = str(manifest(tmp_path))
    with (tmp_path / "agent.yaml").open("a") as out:
        out.write("  gone:\n    command: /no/such\n")
    listed = type_("mcp", "list", at)
    assert listed.code != 0
    assert "The MCP server gone: " in listed.err
    assert "skill, write" in listed.out


def test_mistakes_in_a_try(type_: Any, home: Path, tmp_path: Path):
    at = str(manifest(tmp_path))
    for words, what in (
        (("nothing",), "it has: files"),
        (("files", "add", "a=1"), "JSON object"),
        (("files", "add", '{"a": "x"}'), "add: a"),
    ):
        done = type_("mcp", "try", *words, "--at", at)
        assert done.code != 0
        assert what in done.err
