"""Two processes kept alive: each starts again alone, a refusal ends both, no secret crosses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from chatixia.agent import manifest
from chatixia.assembly.sidecar import supervise
from chatixia.assembly.sidecar.supervise import (
    ChildProcess,
    SupervisedAgent,
    passed,
    supervised,
    target_manifest,
)
from chatixia.errors import ConfigError
from tests.until import until


def child(code: str, tell=lambda line: None) -> ChildProcess:
    words = [sys.executable, "-c", code]
    return ChildProcess("it", words, dict(os.environ), None, tell)


async def test_one_that_is_killed_starts_again_with_growing_pauses(monkeypatch):
    told: list[str] = []
    one = child("import time; time.sleep(60)", told.append)
    keeping = asyncio.ensure_future(one.keep())
    for n in range(3):
        await until(lambda: one.pid)
        os.kill(one.pid, signal.SIGKILL)
        await until(lambda n=n: len(told) == n + 1)
    pauses = [line.rpartition("in ")[2] for line in told]
    assert pauses == ["0.05 s", "0.1 s", "0.2 s"] and "killed by signal 9" in told[0]
    await one.stop(5)
    await keeping
    assert one.pid == 0


@pytest.mark.parametrize("code", [0, 2, 4])
async def test_an_end_for_good_is_told(code: int):
    one = child(f"raise SystemExit({code})")
    await one.keep()
    assert one.ended.result() == code


async def test_what_cannot_be_run_is_one_sentence(tmp_path: Path):
    (tmp_path / "text").touch(0o600)
    for program, cure in (("/no/such", "Install it, or write its path"), ("./text", "chmod \\+x")):
        with pytest.raises(ConfigError, match=f"{program} cannot be run: .*{cure}"):
            await ChildProcess("it", [program], {}, tmp_path, print).keep()


async def test_one_that_does_not_end_is_killed_with_its_children(tmp_path: Path):
    mark = tmp_path / "pid"
    one = child(
        "import signal, subprocess, sys, time; signal.signal(15, signal.SIG_IGN);"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"open({str(mark)!r}, 'w').write(str(p.pid)); time.sleep(600)"
    )
    keeping = asyncio.ensure_future(one.keep())
    await until(lambda: mark.exists() and mark.read_text())
    group = one.pid
    try:
        await one.stop(0.05)
        await asyncio.wait_for(keeping, 30)  # long before it would end by itself
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    grandchild = int(mark.read_text())

    def gone() -> bool:
        try:
            with open(f"/proc/{grandchild}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    await until(gone)


def test_a_sidecar_gets_no_secret_of_the_program():
    environ = {"OPENAI_API_KEY": "x", "DATABASE_URL": "x", "CHATIXIA_HOME": "h", "PATH": "p"}
    assert passed(environ) == {"CHATIXIA_HOME": "h", "PATH": "p"}


def test_what_wants_a_sidecar(tmp_path: Path):
    file = tmp_path / "agent.yaml"
    file.write_text("name: weather\n")
    loaded = target_manifest(str(tmp_path))
    assert supervised(str(tmp_path), loaded) is None
    assert supervised(str(tmp_path), loaded, sidecar=True) is not None
    for text in ("sidecar: true", "sidecar: {enabled: true}", "exec: [node, agent.mjs]"):
        file.write_text(f"name: weather\n{text}\n")
        both = supervised(str(tmp_path), target_manifest(str(tmp_path)))
        assert both is not None and both.name == "weather"
    assert list(both._words) == ["node", "agent.mjs"] and both._folder == tmp_path
    (tmp_path / "agent.py").touch()
    assert target_manifest(str(tmp_path / "agent.py")) is not None
    assert target_manifest("module:agent") is None
    with pytest.raises(ConfigError, match="needs its agent's name"):
        supervised("x.py", None, sidecar=True)
    with pytest.raises(ConfigError, match=r"exec: .*; use a list: \[node, agent\.mjs\]"):
        manifest.parse({"exec": "node agent.mjs"}, "agent.yaml")


async def test_both_end_together_and_leave_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(supervise.sys, "executable", "/bin/sleep")
    faults: list[bool] = []
    both = SupervisedAgent("weather", ["/bin/sleep", "60"], tmp_path)
    both.on_fault = lambda: faults.append(True)
    await both.start()
    assert both.banner() == "" and await both.online(1) is None
    program = both._children[1]
    await until(lambda: program.pid)
    with open(f"/proc/{program.pid}/environ") as file:
        environ = dict(entry.split("=", 1) for entry in file.read().split("\0") if entry)
    socket = Path(environ["CHATIXIA_SOCKET"])
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert environ["CHATIXIA_AGENT_ID"] == "weather"
    await both.stop()
    assert not socket.parent.exists() and not any(one.pid for one in both._children)


async def test_a_program_that_cannot_be_run_is_the_error_of_both(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(supervise.sys, "executable", "/bin/sleep")
    ended = asyncio.Event()
    both = SupervisedAgent("weather", ["/no/such"], tmp_path)
    both.on_fault = ended.set
    await both.start()
    await asyncio.wait_for(ended.wait(), 10)
    await both.stop()
    assert both.fault is not None and "/no/such cannot be run" in both.fault.message
    assert both.fault.exit == 2
