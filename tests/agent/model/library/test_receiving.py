"""A response is counted however it ends, and the text that is withdrawn comes again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatixia.agent.model.words import ScriptCall, ScriptTurn
from chatixia.errors import ModelFailed
from tests.agent.model.runs import Run, Tools, echo, scripted, steps


async def test_nothing_for_too_long_is_a_failure_after_three_retries(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("chatixia.agent.model.retries.FIRST_WAIT", 0.001)
    asked = 0

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()
        yield ""

    engine = scripted(script, first_byte=0.05)
    run = Run()
    with pytest.raises(ModelFailed, match=r"sent nothing for 0\.05 s"):
        await run.go(engine)
    assert asked == 4
    assert [event.kind for event in run.events()] == ["retry"] * 3 + ["usage"]
    assert len(run.notes.used) == 4 and all(usage.estimated for usage in run.notes.used)
    await engine.close()


async def test_text_of_finished_responses_comes_again_after_a_withdrawal():
    asked = 0

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        nonlocal asked
        asked += 1
        if asked == 1:
            yield "First."
            yield ScriptCall("a")
        elif asked == 2:
            yield "Second, which is lost"
            await asyncio.Event().wait()
        else:
            yield "Third."

    engine = scripted(script, silence=0.5)
    run = Run(Tools(a=echo))
    assert await run.go(engine) == "First.\n\nThird."
    assert "\n\nSecond, which is lost" in run.items
    assert len(run.tools.calls) == 1
    await engine.close()


async def test_an_asker_that_takes_its_time_is_no_silence():
    engine = scripted(steps([str(n) for n in range(600)]), silence=0.5, first_byte=0.5)
    run = Run()
    async for item in engine.run(run.request()):
        run.items.append(item)
        if len(run.items) == 1:
            await asyncio.sleep(1.0)  # until the way over is full
    assert run.text == "".join(map(str, range(600)))
    await engine.close()
