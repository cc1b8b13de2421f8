"""A program in Go by docs/ipc.md alone: standard library, no help of ours (go_client/main.go)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.harness import TestMesh
from tests.lab.procs import Process, Procs

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "go_client" / "main.go"
MOST_LINES = 100
# The compiler builds its own library first: minutes on a machine that does much else.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def binary() -> Path:
    """The program; skips where there is no Go."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go here: the second foreign client is written in it")
    place = ROOT / "build" / "go"
    place.mkdir(parents=True, exist_ok=True)
    env = {"GOCACHE": str(place / "cache"), "GOFLAGS": "", "GO111MODULE": "off"}
    env |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOPROXY": "off"}
    done = subprocess.run(
        [go, "build", "-o", str(place / "client"), str(SOURCE)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    return place / "client"


class Program:
    """One agent: its sidecar, and the program in Go behind it."""

    def __init__(self, procs: Procs, name: str, other: str, binary: Path) -> None:
        place = procs.folder / "s"
        place.mkdir(mode=0o700, exist_ok=True)
        socket = place / f"{name}.sock"
        self.sidecar = procs.start("sidecar", "--name", name, "--socket", str(socket))
        self.sidecar.wait_for(f"{name}  online")
        self.popen = subprocess.Popen(
            [binary, other],
            env=procs.environment(CHATIXIA_SOCKET=str(socket)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.process = Process(self.popen, f"{name} in Go")
        procs.running.append(self.process)

    def ask(self, skill: str) -> None:
        assert self.popen.stdin
        self.popen.stdin.write(f"{skill}\n")
        self.popen.stdin.flush()

    def close(self) -> None:
        """No more commands: the program ends."""
        assert self.popen.stdin
        self.popen.stdin.close()
        assert self.process.wait() == 0

    def end(self, skill: str) -> tuple[str, int, dict]:
        """How the command ended: its type, how many items came before, and its payload."""
        found = self.process.wait_for(rf"(?m)^{skill} (\w+) (\d+) (.*)$")
        return found[1], int(found[2]), json.loads(found[3])


def test_the_page_is_enough_for_a_program_in_another_language(
    procs: Procs, tmp_path: Path, binary: Path
):
    net = TestMesh(procs)
    net.up()
    asks, serves = (
        Program(procs, name, other, binary) for name, other in (("asks", "serves"), ("serves", ""))
    )
    for one in (asks, serves):
        one.process.wait_for(r"(?m)^result$")
    serves.sidecar.wait_for(r"skills: echo, count, fail, hold")
    for skill in ("echo", "count", "fail"):
        asks.ask(skill)
    kind, items, payload = asks.end("echo")
    assert (kind, items, payload["value"]) == ("result", 0, {"city": "Ål", "n": [1, 2]})
    kind, items, payload = asks.end("count")
    assert (kind, items, payload["via"]) == ("result", 100, "direct")
    kind, _, payload = asks.end("fail")
    assert (kind, payload["code"], payload["message"]) == (
        "error",
        "not_found",
        "There is no such book.",
    )
    asks.ask("hold")
    serves.process.wait_for(r"(?m)^held$")
    asks.ask("cancel")
    kind, _, payload = asks.end("hold")
    assert (kind, payload["code"]) == ("error", "canceled")
    serves.process.wait_for(r"(?m)^canceled true$")
    for one in (asks, serves):
        one.close()


def test_it_is_short_and_imports_nothing_but_the_standard_library():
    text = SOURCE.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    imports = text.partition("import (")[2].partition(")")[0].split()
    assert imports and not [name for name in imports if "." in name]
