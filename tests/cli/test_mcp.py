"""What is typed at `chatixia mcp`; what it serves is in tests/acceptance/test_mcp.py."""

from __future__ import annotations

import json
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
