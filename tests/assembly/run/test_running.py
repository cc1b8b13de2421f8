"""Agents as a process: one line, signals, exit codes."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import chatixia
from chatixia import Agent
from chatixia.assembly.run import running
from chatixia.assembly.run.running import collecting
from chatixia.errors import ConfigError
from chatixia.testing.registry import RegistryHarness
from tests.until import until

SCRIPT = """
from chatixia import Agent
agent = Agent("weather")

@agent.skill
async def forecast(city: str) -> str: return city

agent.run()
"""


@pytest.fixture
async def registry(tmp_path: Path):
    async with RegistryHarness(tmp_path / "home") as made:
        yield made


async def start(
    tmp_path: Path, home: Path, text: str = SCRIPT, **env: str
) -> subprocess.Popen[str]:
    (tmp_path / "script.py").write_text(text)
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CHATIXIA_HOME": str(home), **env},
    )


async def line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return await asyncio.wait_for(asyncio.to_thread(process.stderr.readline), 30)


async def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = await asyncio.to_thread(process.communicate, timeout=30)
    return process.returncode, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_clean_stop_exits_zero(registry: RegistryHarness, tmp_path: Path, number: int):
    process = await start(tmp_path, registry.home)
    assert "weather  online  skills: forecast" in await line(process)
    process.send_signal(number)
    assert await end(process) == (0, "")
    assert "weather" not in {a.agent_id for a in await listed(registry)}


async def test_the_programs_own_handler_of_a_signal_is_back_after_it():
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        stop = asyncio.Event()
        with running._signals(stop):
            signal.raise_signal(signal.SIGTERM)
            await stop.wait()
        signal.raise_signal(signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


async def listed(registry: RegistryHarness):
    os.environ["CHATIXIA_HOME"] = str(registry.home)
    try:
        async with chatixia.connect() as mesh:
            return [a for a in await mesh.agents() if a.health == "active"]
    finally:
        del os.environ["CHATIXIA_HOME"]


async def test_a_second_start_names_the_first(registry: RegistryHarness, tmp_path: Path):
    first = await start(tmp_path, registry.home)
    await line(first)
    second = await start(tmp_path, registry.home)
    code, err = await end(second)
    assert code == 2
    assert (
        err == f"error  weather is already running as process {first.pid}. Stop that one first.\n"
    )
    first.terminate()
    await end(first)


async def test_a_script_is_what_its_manifest_says(registry: RegistryHarness, tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("name: weather\nskills: [list_agents]\nslots: 3")
    process = await start(tmp_path, registry.home)
    assert "skills: forecast, list_agents" in await line(process)
    process.terminate()
    assert await end(process) == (0, "")
    assert list((tmp_path / ".chatixia").glob("weather-*/sign.key"))
    (tmp_path / "agent.yaml").write_text("name: weather\nslotz: 3")
    code, err = await end(await start(tmp_path, registry.home))
    assert (code, err.count("\n")) == (2, 1)
    assert "did you mean slots?" in err


async def test_a_skill_in_a_thread_does_not_hold_up_the_end(
    registry: RegistryHarness, tmp_path: Path
):
    text = SCRIPT.replace(
        "agent.run()",
        "import threading, sys\n@agent.skill\ndef stuck() -> None:\n"
        "    print('stuck', file=sys.stderr, flush=True); threading.Event().wait()\nagent.run()",
    )
    process = await start(tmp_path, registry.home, text, CHATIXIA_GRACE="0")
    await line(process)
    os.environ["CHATIXIA_HOME"] = str(registry.home)
    try:
        async with chatixia.connect() as mesh:
            call = asyncio.ensure_future(mesh.agent("weather").stuck())
            assert await line(process) == "stuck\n"
            process.terminate()
            assert (await end(process))[0] == 0
            with pytest.raises(chatixia.MeshError):
                await call
    finally:
        del os.environ["CHATIXIA_HOME"]


PATIENT = SCRIPT.replace(
    "agent.run()",
    """
import asyncio, sys
@agent.skill
async def patient(seconds: float) -> str:
    print("begun", file=sys.stderr, flush=True)
    await asyncio.sleep(seconds)
    return "done"

agent.run()""",
)


@pytest.mark.parametrize("queue", ["never", "only"])
@pytest.mark.parametrize(("seconds", "grace"), [(1.0, "8"), (60.0, "0")])
async def test_a_stop_in_mid_skill(
    registry: RegistryHarness, tmp_path: Path, monkeypatch, queue, seconds: float, grace: str
):
    process = await start(tmp_path, registry.home, PATIENT, CHATIXIA_GRACE=grace)
    await line(process)
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    async with chatixia.connect() as mesh:
        asked = mesh.agent("weather", timeout=60, queue=queue)
        call = asyncio.ensure_future(asked.patient(seconds=seconds))
        assert await line(process) == "begun\n"
        process.terminate()
        if seconds == 1:
            assert await call == "done"
        else:
            with pytest.raises(chatixia.MeshError, match="The agent is stopping") as raised:
                await call
            error = raised.value
            assert (error.code, error.retryable, error.outcome) == ("unavailable", True, "unknown")
        assert await end(process) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_second_signal_ends_at_once(
    registry: RegistryHarness, tmp_path: Path, monkeypatch, number: int
):
    process = await start(tmp_path, registry.home, PATIENT, CHATIXIA_GRACE="3600")
    await line(process)
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    async with chatixia.connect() as mesh:
        asked = mesh.agent("weather", timeout=60)
        call = asyncio.ensure_future(asked.patient(seconds=60))
        assert await line(process) == "begun\n"
        process.send_signal(number)

        async def unlisted() -> bool:
            return "weather" not in {one.agent_id for one in await mesh.agents()}

        await until(unlisted, 30, pause=0.05)
        assert process.poll() is None
        process.send_signal(number)
        assert await end(process) == (-number, "")
        with pytest.raises(chatixia.MeshError) as raised:
            await call
        assert raised.value.outcome == "unknown"


async def test_it_waits_for_the_registry_and_tells(registry: RegistryHarness, tmp_path: Path):
    await registry.stop()
    process = await start(tmp_path, registry.home)
    seen = await line(process)
    while "waiting for the registry" not in seen:
        assert seen
        seen = await line(process)
    await registry.start()
    assert "weather  online" in await line(process)
    process.terminate()
    assert (await end(process))[0] == 0


async def test_inside_a_running_loop():
    with pytest.raises(RuntimeError, match=r"await agent\.start\(\)") as caught:
        Agent("a").run()
    assert isinstance(caught.value, ConfigError)


def test_refusals():
    with pytest.raises(ConfigError, match="no agent to run"):
        chatixia.run()
    with pytest.raises(ConfigError, match="the same name"):
        chatixia.run(Agent("a"), Agent("a"))


def test_collecting_runs_nothing():
    a, b = Agent("a"), Agent("b")
    with collecting() as found:
        a.run()
        chatixia.run(b)
    assert found == [a, b]


class Idle:
    """An agent that has nothing to do but to end when told."""

    name, fault, grace = "idle", None, 0.0
    on_fault = staticmethod(lambda: None)

    async def start(self) -> None: ...
    async def online(self, timeout: float) -> None: ...
    async def stop(self) -> None: ...
    def banner(self) -> str:
        return "idle  online"


async def test_what_starting_left_is_given_back_once_the_agent_has_settled(
    monkeypatch: pytest.MonkeyPatch,
):
    agent = Idle()
    monkeypatch.setattr(running, "SETTLED_S", 0.0)
    monkeypatch.setattr(running, "_give_back", lambda: agent.on_fault())
    async with asyncio.timeout(10):
        await running._serve([agent], lambda line: None)


@pytest.mark.parametrize(("platform", "asked"), [("linux", 1), ("darwin", 0)])
def test_only_glibc_is_asked_for_it(monkeypatch: pytest.MonkeyPatch, platform: str, asked: int):
    calls: list[int] = []
    monkeypatch.setattr(sys, "platform", platform)
    libc = SimpleNamespace(malloc_trim=calls.append)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: libc)
    running._give_back()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())  # another libc
    running._give_back()
    assert calls == [0] * asked
