"""Programs that end without `agent.stop()`, each a process of its own, with a real registry."""

from __future__ import annotations

import asyncio
import atexit
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from chatixia.assembly.run.loop_end import LoopEnd
from chatixia.testing.registry import RegistryHarness

BEGIN = """
import asyncio, threading
from chatixia import Agent

agent = Agent("weather")

@agent.skill
async def forecast(city: str) -> str:
    return city

async def start():
    await agent.start()
    print(agent.banner(), flush=True)
"""
ENDS = {
    "returns": "asyncio.run(start())",
    "raises": """
async def main():
    await start()
    raise ValueError("its own")
asyncio.run(main())
""",
    "leaves the block": """
async def main():
    async with agent:
        print(agent.banner(), flush=True)
        raise ValueError("its own")
asyncio.run(main())
""",
    "a kernel": "asyncio.new_event_loop().run_until_complete(start())",
    "a thread": """
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
asyncio.run_coroutine_threadsafe(start(), loop).result()
""",
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_program_that_ends_without_a_stop(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One sentence with the cure, no traceback but its own, no hang, and the registry hears it."""
    async with RegistryHarness(tmp_path / "home") as made:
        monkeypatch.setenv("CHATIXIA_HOME", str(made.home))
        script = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            BEGIN + ENDS[end],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                out, err = (text.decode() for text in await script.communicate())
        finally:
            if script.returncode is None:
                script.kill()
                await script.wait()
        assert "online" in out
        assert not made.running.service.roster.online("weather")
    own = end in ("raises", "leaves the block")
    assert err.count("Traceback") == own and err.count("ValueError: its own") == own
    assert script.returncode == own
    sentences = [line for line in err.splitlines() if line.startswith("weather")]
    if end == "leaves the block":
        assert sentences == []  # that is the cure
        return
    assert len(sentences) == 1 and "await agent.stop()" in sentences[0]
    assert "async with agent" in sentences[0]
    assert own or len(err.splitlines()) == 1


async def test_a_stop_says_nothing(caplog: pytest.LogCaptureFixture):
    stopped: list[str] = []

    async def stop() -> None:
        stopped.append("")

    watch = LoopEnd("a", stop)
    watch.cancel()
    watch.at_exit()
    await asyncio.wait({watch.task}, timeout=10)
    assert watch.task.cancelled() and not stopped and not caplog.records


async def test_what_cannot_be_stopped_holds_up_no_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chatixia.assembly.run.loop_end.STOP_S", 0.01)

    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    async def fails() -> None:
        raise RuntimeError("broken")

    for stop in (never, fails):
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "chatixia"):
            watch = LoopEnd("a", stop)
            await asyncio.sleep(0)
            watch.task.cancel()
            await asyncio.wait({watch.task}, timeout=10)
        assert watch.task.cancelled()
        assert [one.levelname for one in caplog.records] == ["WARNING", "DEBUG"]
        atexit.unregister(watch.at_exit)


def test_a_loop_that_was_closed_over_it(caplog: pytest.LogCaptureFixture):
    loop = asyncio.new_event_loop()

    async def begin() -> LoopEnd:
        return LoopEnd("a", lambda: asyncio.sleep(0))

    watch = loop.run_until_complete(begin())
    watch.task.cancel()
    loop.run_until_complete(asyncio.wait({watch.task}))
    loop.close()
    caplog.clear()
    watch.at_exit()
    assert "await agent.stop()" in caplog.text
    watch.cancel()
    caplog.clear()
    watch.at_exit()
    assert not caplog.records
