"""`run --reload`: what is watched, and one generation of agents after the other."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chatixia.assembly.run import reload as module
from chatixia.assembly.run import running
from chatixia.assembly.run.load import load
from chatixia.assembly.run.reload import FreshStart, Reloader, changed_names, snapshot, watched
from chatixia.errors import ConfigError, MeshError


def test_only_files_of_agents_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("agent.py", "agent.yaml", ".env", "AGENT.md", "photo.png", "inner/skill.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    for folder in (".chatixia", "__pycache__", "node_modules"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").write_text("")
    names = {path.name for path in watched(tmp_path)}
    assert names == {"agent.py", "agent.yaml", ".env", "AGENT.md", "skill.json"}
    assert {path.name for path in watched(tmp_path / "agent.py")} == names
    monkeypatch.setattr(module, "MAX_FILES", 2)
    assert len(list(watched(tmp_path))) == 2


def test_a_change_is_a_new_time_size_or_file(tmp_path: Path):
    (tmp_path / "a.py").write_text("1")
    before = snapshot(tmp_path)
    assert changed_names(before, snapshot(tmp_path)) == []
    (tmp_path / "a.py").write_text("22")
    (tmp_path / "b.py").write_text("")
    assert changed_names(before, snapshot(tmp_path)) == ["a.py", "b.py"]


def test_a_fresh_start_forgets_modules_and_variables_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KEPT", "1")
    fresh = FreshStart(tmp_path)
    (tmp_path / "reloaded_helper.py").write_text("VALUE = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("reloaded_helper")
    os.environ["ADDED"], os.environ["KEPT"] = "1", "2"
    fresh.restore()
    assert "reloaded_helper" not in sys.modules and "asyncio" in sys.modules
    assert "ADDED" not in os.environ and os.environ["KEPT"] == "1"


class FakeAgent:
    """An agent that says what becomes of it."""

    grace = 0.0
    fault: MeshError | None = None

    def __init__(self, name: str, seen: list[str]) -> None:
        self.name, self._seen = name, seen
        self.on_fault: Callable[[], None] = lambda: None

    async def start(self) -> None:
        if self.name == "broken":
            raise ConfigError("no such engine")
        self._seen.append(f"start {self.name}")

    async def online(self, timeout: float) -> None:
        return None

    async def stop(self) -> None:
        self._seen.append(f"stop {self.name}")

    def banner(self) -> str:
        return f"  {self.name}  online"


async def test_each_generation_stops_before_the_next_starts():
    seen: list[str] = []
    told: list[str] = []
    names = ["one", "broken", "two"]
    agents = [FakeAgent(name, seen) for name in names]

    async def following():
        if len(agents) > 1:
            agents.pop(0)
            return [agents[0]]
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), 15)
        await asyncio.Event().wait()
        raise AssertionError

    await running._serve([agents[0]], told.append, following)
    starts = [one for one in seen if one.startswith("start")]
    assert seen[0] == "start one" and "stop one" in seen
    assert starts == ["start one", "start two"] and seen[-1] == "stop two"
    assert "  reload    no such engine" in told


async def test_the_first_generation_must_start():
    async def following():
        await asyncio.Event().wait()

    with pytest.raises(ConfigError, match="engine"):
        await running._serve([FakeAgent("broken", [])], lambda line: None, following)


async def test_what_cannot_be_loaded_is_told_and_the_next_change_is_taken(tmp_path: Path):
    code = (
        "from chatixia import Agent\nimport helper_of_reload\nagent = Agent(helper_of_reload.N)\n"
    )
    (tmp_path / "agent.py").write_text(code)
    (tmp_path / "helper_of_reload.py").write_text("N = 'one'")
    told: list[str] = []
    told_of = asyncio.Event()

    def tell(line: str) -> None:
        told.append(line)
        loop.call_soon_threadsafe(told_of.set)

    loop = asyncio.get_running_loop()
    reloader = Reloader(tmp_path, lambda: load(str(tmp_path)), tell, every=0.02)
    (first,) = load(str(tmp_path))
    assert first.name == "one"
    following = asyncio.ensure_future(reloader())
    (tmp_path / "helper_of_reload.py").write_text("N = ")
    async with asyncio.timeout(20):
        while not any("reload    failed" in line for line in told):
            told_of.clear()
            await told_of.wait()
        (tmp_path / "helper_of_reload.py").write_text("N = 'second'")
        (second,) = await following
    assert second.name == "second"
    assert told[0] == "  reload    helper_of_reload.py changed"
