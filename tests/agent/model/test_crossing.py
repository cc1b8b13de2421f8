"""Items come over in order, with a bound; closing ends the work at the far side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from contextvars import ContextVar

import pytest

from chatixia.agent.model.crossing import Crossing
from chatixia.agent.model.engine_thread import EngineThread
from chatixia.errors import Cancelled

asker: ContextVar[str] = ContextVar("asker", default="nobody")


@pytest.fixture
def far() -> Iterator[asyncio.AbstractEventLoop]:
    thread = EngineThread()
    yield thread.enter()
    thread.leave()


async def test_items_come_in_order_and_then_the_error(far: asyncio.AbstractEventLoop):
    crossing: Crossing[int] = Crossing(far)

    async def work() -> None:
        for n in range(1000):
            await crossing.put(n)
        raise ValueError("the end")

    count = 0
    with pytest.raises(ValueError, match="the end"):
        async for item in crossing.items(work):
            assert item == count
            count += 1
    assert count == 1000


async def test_the_far_side_waits_for_a_slow_reader(far: asyncio.AbstractEventLoop):
    crossing: Crossing[int] = Crossing(far, room=4)
    put: list[int] = []
    full = threading.Event()

    async def work() -> None:
        for n in range(20):
            if n == 4:
                full.set()
            await crossing.put(n)
            put.append(n)

    async with aclosing(crossing.items(work)) as items:
        assert await anext(items) == 0
        await asyncio.to_thread(full.wait, 5)
        assert len(put) <= 6
        assert [n async for n in items] == list(range(1, 20))


async def test_closing_ends_the_work(far: asyncio.AbstractEventLoop):
    crossing: Crossing[int] = Crossing(far)
    ended = threading.Event()

    async def work() -> None:
        try:
            await crossing.put(1)
            await asyncio.Event().wait()
        finally:
            await crossing.at_home(settle_accounts)

    async def settle_accounts() -> None:
        ended.set()

    async with aclosing(crossing.items(work)) as items:
        await anext(items)
    assert ended.is_set()


async def test_a_call_at_home_runs_there_in_the_context_of_the_request(
    far: asyncio.AbstractEventLoop,
):
    asker.set("ann")
    crossing: Crossing[str] = Crossing(far)

    async def who() -> str:
        return f"{asker.get()} {threading.current_thread() is threading.main_thread()}"

    async def work() -> None:
        await crossing.put(await crossing.at_home(who))

    assert [item async for item in crossing.items(work)] == ["ann True"]


async def test_work_that_is_cancelled_there_is_an_error_here(far: asyncio.AbstractEventLoop):
    crossing: Crossing[int] = Crossing(far)

    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Cancelled):
        async for _ in crossing.items(work):
            pass
