"""Servers of a manifest, joined with an agent: its model's tools, and skills that others call."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chatixia import Agent
from chatixia.agent import manifest
from chatixia.agent.manifest_mcp import McpServer
from chatixia.assembly.mcp.servers import AgentServers, agent_servers, spec_of
from chatixia.errors import ConfigError
from chatixia.testing import mesh_of
from tests.until import until

STRANGER = Path(__file__).parents[2] / "gateway" / "mcp" / "stranger.py"


def server(mode: str = "good", **more: object) -> McpServer:
    return McpServer(sys.executable, [str(STRANGER), mode], **more)  # type: ignore[arg-type]


def test_secrets_come_from_the_environment_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TOKEN", "t")
    monkeypatch.setenv("KEY", "k")
    one = spec_of("files", server(env=["TOKEN"]), tmp_path)
    assert (dict(one.env), one.folder) == ({"TOKEN": "t"}, tmp_path)
    far = McpServer(url="https://h/mcp", token="TOKEN", headers={"X-Key": "KEY"})
    assert spec_of("far", far, None).headers == {"X-Key": "k", "Authorization": "Bearer t"}
    monkeypatch.delenv("TOKEN")
    with pytest.raises(ConfigError, match="TOKEN is not set"):
        spec_of("files", server(env=["TOKEN"]), None)


async def test_skills_come_and_go_with_their_server():
    offered: list[list[str]] = []
    servers = AgentServers(
        {"files": server("changes", skills=["environ"])},
        None,
        lambda: offered.append(list(servers.skills)),
    )
    await servers.start()
    try:
        assert list(servers.skills) == ["environ"]
        await servers.outside.call("files", "add", {}, 10)
        await until(lambda: not servers.skills)
        assert offered == [["environ"], []]
    finally:
        await servers.stop()


async def test_skills_that_cannot_be_served_leave_the_others(caplog: pytest.LogCaptureFixture):
    refused: list[bool] = []

    def offer() -> None:
        if servers.skills:
            refused.append(True)
            raise ConfigError("too many")

    servers = AgentServers({"files": server(skills=["add"])}, None, offer)
    await servers.start()
    try:
        assert refused
        assert not servers.skills
        assert "too many" in caplog.text
    finally:
        await servers.stop()


def described(tmp_path: Path, text: str) -> Agent:
    (tmp_path / "agent.yaml").write_text(f"name: helper\n{text}")
    agent = Agent("helper")
    agent.loaded = manifest.load(tmp_path)
    return agent


async def test_a_manifest_s_server_is_called_over_the_mesh(tmp_path: Path):
    agent = described(
        tmp_path,
        f"mcp:\n  files:\n    command: {sys.executable}\n"
        f"    args: ['{STRANGER}']\n    skills: [add]\n",
    )
    async with mesh_of(agent) as mesh:
        assert agent._servers is not None
        await agent._servers.start()
        assert (await mesh.agent("helper").add(a=1, b=2)) == "3"


def test_a_mistake_names_file_and_key(tmp_path: Path):
    agent = described(tmp_path, "mcp:\n  files:\n    url: nowhere\n")
    with pytest.raises(ConfigError, match=r"agent\.yaml.*mcp: files: url"):
        agent.check()


def test_no_servers_no_parts(tmp_path: Path):
    assert agent_servers(described(tmp_path, "").settings(), lambda: None) is None
