"""The example of MCP: a provider on a machine that joined, used by a host on the owner's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.acceptance.harness import TestMesh

EXAMPLE = Path(__file__).parents[2] / "examples" / "mcp"


def test_a_host_uses_a_tool_provider_on_another_machine(net: TestMesh, tmp_path: Path):
    net.up()
    home = str(tmp_path / "pi")
    string = net.cli("invite", "pi", "--no-wait")["join"]
    assert net.procs.run("join", string, CHATIXIA_HOME=home).returncode == 0
    provider = (sys.executable, str(EXAMPLE / "storage.py"))
    net.procs.start(program=provider, CHATIXIA_HOME=home).wait_for("online")
    host = net.procs.start(program=(sys.executable, str(EXAMPLE / "host.py")))
    said = json.loads(host.wait_for(r"\{.*\}")[0])
    assert host.wait() == 0
    assert "tools: free" in host.output
    assert 0 <= said["free_percent"] <= 100
    [listed] = [one for one in net.cli("agents")["agents"] if one["agent_id"] == "storage"]
    assert listed["machine"] == "pi"
