"""A pool ends its runs before it closes its clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatixia.agent.model.words import ScriptCall, ScriptTurn
from chatixia.errors import Cancelled
from tests.agent.model.runs import Run, scripted


async def test_closing_ends_what_runs():
    begun, ended = asyncio.Event(), []

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        try:
            yield "a part"
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    engine = scripted(script)
    run = Run()

    async def read() -> None:
        async for item in engine.run(run.request()):
            run.items.append(item)
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    await engine.close()
    with pytest.raises(Cancelled):
        await task
    assert ended == [1]
    assert run.notes.used[0].estimated


async def test_prices_are_those_of_all_models():
    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        yield ""

    engine = scripted(script)
    assert await engine.has_price() is False
    assert await engine.price(1000) is None
    await engine.close()
