"""The settings of a host say the same as the command line that printed them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.assembly.mcp import tokens
from chatixia.assembly.mcp.process import McpOptions
from chatixia.assembly.mcp.settings import arguments, server_for, serving
from chatixia.assembly.profile.profile import Profile
from chatixia.errors import ConfigError


def test_each_option_that_was_given():
    options = McpOptions(("weather/*", "add"), True, "weather", name="desk", timeout=5, mesh="home")
    words = ["--skills", "weather/*", "--skills", "add", "--all", "--agent", "weather"]
    assert arguments(options) == [*words, "--name", "desk", "--mesh", "home", "--timeout", "5"]
    assert arguments(McpOptions()) == []
    assert list(server_for("cursor", options).args)[-2:] == ["--timeout", "5"]


def test_what_serves_over_http_is_started_with_all_that_was_said():
    assert serving(McpOptions(("add",))) == []
    options = McpOptions(("add",), http="[::]:9", hosts=["desk.lan"], clear=True, poll=5)
    words = ["chatixia", "mcp", "--http", "[::]:9", "--skills", "add", "--host", "desk.lan"]
    assert serving(options) == [*words, "--clear", "--poll", "5"]


def test_over_http_each_host_has_its_own_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    profile = Profile.create("home", machine="laptop")
    options = McpOptions(http="[::1]:9", mesh="home")
    one, other = server_for("cursor", options), server_for("zed", options)
    assert one.url == "http://[::1]:9/mcp"
    assert {"cursor": one.token, "zed": other.token} == tokens.tokens(profile)
    with pytest.raises(ConfigError):
        server_for("emacs", options)
    for at, names, reached in (
        ("0.0.0.0:9", (), "127.0.0.1"),
        ("[::]:9", (), "[::1]"),
        ("0.0.0.0:9", ("desk.lan",), "desk.lan"),
    ):
        everywhere = McpOptions(http=at, mesh="home", hosts=names)
        assert server_for("zed", everywhere).url == f"http://{reached}:9/mcp"
    assert len(tokens.tokens(profile)) == 2
