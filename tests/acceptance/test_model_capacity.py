"""Two hundred questions and two hundred tasks at once, on an agent that runs eight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from chatixia import Agent
from chatixia.agent.model.words import ModelSpec
from chatixia.testing import ScriptCall, ScriptTurn, mesh_of

EACH = 200
SLOTS = 8


async def test_at_most_eight_run_and_none_is_lost():
    running = most = 0
    answers: list[str] = []

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)  # a response takes its time, so that runs meet
        answers.append(turn.last)
        running -= 1
        yield f"answer to {turn.last}"

    agent = Agent("helper", model=ModelSpec("scripted", script=script), slots=SLOTS)
    async with mesh_of(agent) as mesh:
        handle = mesh.agent("helper", timeout=600)
        asks = [asyncio.ensure_future(handle.ask(f"ask {n}").reply()) for n in range(EACH)]
        tasks = [await mesh.submit("helper", "", {"message": f"task {n}"}) for n in range(EACH)]
        replies = [reply.value for reply in await asyncio.gather(*asks)]
        results = [await task for task in tasks]
    assert replies == [f"answer to ask {n}" for n in range(EACH)]
    assert results == [f"answer to task {n}" for n in range(EACH)]
    assert len(set(answers)) == len(answers) == 2 * EACH, "none was lost, and none asked twice"
    assert 2 <= most <= SLOTS
