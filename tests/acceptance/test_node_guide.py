"""docs/node.md: its example is the one that lies there, and its terminals are typed as printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.acceptance.harness import TestMesh
from tests.acceptance.test_transcript import Step, looks_like, shape, steps
from tests.interop.node_client import built, node
from tests.lab.procs import CHATIXIA, Process

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "node.md").read_text(encoding="utf-8")
LONG = 120
OFFLINE = {"npm_config_offline": "true", "npm_config_audit": "false", "npm_config_fund": "false"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path: the sidecar's socket has at most 100 bytes."""
    with TemporaryDirectory(prefix="cx-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "r").mkdir(mode=0o700)
        shutil.copytree(ROOT / "examples" / "node", Path(folder) / "examples" / "node")
        yield Path(folder)


def shell(command: str, cwd: Path, **env: str) -> None:
    done = subprocess.run(
        command, shell=True, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def typed(net: TestMesh, step: Step, place: Path) -> Process:
    words = step.command.removeprefix("chatixia ").split()
    return net.procs.start(*words, program=CHATIXIA, cwd=place, XDG_RUNTIME_DIR=str(place / "r"))


def test_the_example_is_the_file_that_lies_there():
    blocks = re.findall(r"^```js file=(\S+)\n(.*?)^```", PAGE, re.M | re.S)
    assert [name for name, _ in blocks] == ["examples/node/agent.mjs"]
    for name, code in blocks:
        assert (ROOT / name).read_text(encoding="utf-8") == code
    manifest = (ROOT / "examples" / "node" / "agent.yaml").read_text()
    assert f"```yaml\n{manifest}```" in PAGE


@pytest.mark.timeout(900)
def test_where_no_sidecar_is_the_example_ends_with_a_sentence(place: Path):
    program, to = node(), place / "examples" / "node"
    packed = to / "node_modules" / "chatixia-mesh"
    shutil.copytree(built() / "dist", packed / "dist")
    shutil.copyfile(built() / "package.json", packed / "package.json")
    without = {name: value for name, value in os.environ.items() if name != "CHATIXIA_SOCKET"}
    nowhere = str(place / "none.sock")
    for env, says in (
        ({}, "CHATIXIA_SOCKET names no sidecar; `chatixia run` sets it."),
        (
            {"CHATIXIA_SOCKET": nowhere},
            f"No sidecar answers at {nowhere}; `chatixia run` starts one.",
        ),
    ):
        done = subprocess.run(
            [program, "agent.mjs"], cwd=to, env=without | env, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error  {says}\n")


@pytest.mark.timeout(900)
def test_its_terminals_are_as_they_are_printed(net: TestMesh, place: Path):
    node()
    to = place / "examples" / "node"
    shell(f"npm pack --ignore-scripts --pack-destination {to}", built(), **OFFLINE)
    net.up()
    install, run, *calls = steps(PAGE)
    assert install.command.startswith("cd examples/node && npm install chatixia-mesh-")
    shell(install.command, place, **OFFLINE)
    agent = typed(net, run, place)
    for line in run.shown:
        agent.wait_for(shape(line), LONG)
    assert len(calls) == 3
    for step in calls:
        asked = typed(net, step, place)
        code = asked.wait(LONG)
        assert (code == 0) == ("Atlantis" not in step.command), asked.output
        for line in step.shown:
            assert looks_like(line, asked.output), f"{line!r} is not in:\n{asked.output}"
    assert agent.stop() == 0
