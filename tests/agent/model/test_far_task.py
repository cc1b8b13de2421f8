"""A task of another loop gives its result here, and is cancelled from here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from chatixia.agent.model.engine_thread import EngineThread
from chatixia.agent.model.far_task import FarTask
from chatixia.errors import Unavailable

asker: ContextVar[str] = ContextVar("asker", default="nobody")


@pytest.fixture
def far() -> Iterator[asyncio.AbstractEventLoop]:
    thread = EngineThread()
    yield thread.enter()
    thread.leave()


async def test_a_result_and_an_error_come_back(far: asyncio.AbstractEventLoop):
    async def where() -> str:
        return threading.current_thread().name

    async def fails() -> None:
        raise ValueError("no")

    assert await FarTask(far, where).wait() == "chatixia-model"
    with pytest.raises(ValueError, match="no"):
        await FarTask(far, fails).wait()


async def test_it_runs_in_the_context_of_here(far: asyncio.AbstractEventLoop):
    async def who() -> str:
        return asker.get()

    asker.set("ann")
    assert await FarTask(far, who).wait() == "ann"


async def test_cancelling_here_cancels_there_and_waits_for_the_end(
    far: asyncio.AbstractEventLoop,
):
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    waiting = asyncio.create_task(FarTask(far, work).wait())
    await asyncio.to_thread(begun.wait, 5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def test_what_is_cancelled_before_it_began_never_begins(far: asyncio.AbstractEventLoop):
    blocked = threading.Event()
    far.call_soon_threadsafe(blocked.wait, 5)
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)

    task = FarTask(far, work)
    cancelling = asyncio.create_task(task.cancel())
    await asyncio.sleep(0)
    blocked.set()
    await cancelling
    assert task.outcome.cancelled() and not begun


async def test_a_closed_loop_takes_no_task():
    thread = EngineThread()
    loop = thread.enter()
    thread.leave()

    async def work() -> None: ...

    with pytest.raises(Unavailable):
        FarTask(loop, work)
