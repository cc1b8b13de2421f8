"""A server tried without its agent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chatixia.agent.manifest_mcp import McpServer
from chatixia.assembly.mcp.trial import called, declared, one_of, tools_of
from chatixia.errors import ConfigError

STRANGER = Path(__file__).parents[2] / "gateway" / "mcp" / "stranger.py"


def server(**more: object) -> McpServer:
    return McpServer(sys.executable, [str(STRANGER)], **more)  # type: ignore[arg-type]


async def test_its_tools_and_what_the_agent_makes_of_them(tmp_path: Path):
    one = server(tools=["add", "fail"], read=["add"], skills=["fail"])
    rows = {row["tool"]: row for row in await tools_of("files", one, tmp_path)}
    assert [(row["effect"], row["taken"], row["skill"]) for row in rows.values()] == [
        ("read", True, False),
        ("write", False, False),
        ("write", True, True),
    ]


async def test_one_call(tmp_path: Path):
    assert (await called("files", server(), tmp_path, "add", {"a": 2})).text == "2"


async def test_one_that_does_not_start_is_a_sentence(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be started"):
        await tools_of("files", McpServer("/no/such"), tmp_path)


def test_names_of_a_manifest(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("name: a\nmcp:\n  files:\n    command: x\n")
    servers = declared(str(tmp_path))
    assert one_of(servers, "files")[1] == tmp_path.absolute()
    with pytest.raises(ConfigError, match="it has: files"):
        one_of(servers, "web")
