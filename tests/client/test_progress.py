"""What an asker hears of the progress of its call, by every handle."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chatixia.agent.context import Ctx
from chatixia.client.progress import Progress, listening
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def work(ctx: Ctx) -> str:
    await ctx.progress(0.5, "half")
    await ctx.progress(1)
    return "done"


async def count(n: int, ctx: Ctx) -> AsyncIterator[int]:
    for i in range(n):
        await ctx.progress(i / n, f"{i} of {n}")
        yield i


HEARD = [Progress(0.5, "half"), Progress(1.0)]


@pytest.fixture
def net():
    made = Net()
    served = Served(made, "a", work, count)
    yield made
    served.close()


async def test_a_call_hears_its_progress(net: Net):
    mesh, heard = client(net), list[Progress]()
    for handle in (mesh.agent("a"), mesh.agent("a", idempotent=True), mesh.any("work")):
        heard.clear()
        assert (await handle.call("work", on_progress=heard.append)).value == "done"
        assert heard == HEARD


async def test_a_stream_tells_progress_beside_its_items(net: Net):
    heard: list[Progress] = []
    stream = client(net).agent("a").stream("count", {"n": 2}, on_progress=heard.append)
    async with stream as items:
        assert [item async for item in items] == [0, 1]
    assert heard == [Progress(0.0, "0 of 2"), Progress(0.5, "1 of 2")]


async def test_the_events_of_a_stream_are_items_and_progress(net: Net):
    async with client(net).agent("a").stream("count", {"n": 2}) as items:
        events = [event async for event in items.events()]
    assert [event.item for event in events if event.fraction is None] == [0, 1]
    notes = [event.note for event in events if event.fraction is not None]
    assert notes == ["0 of 2", "1 of 2"]
    events = client(net).agent("a").stream("count", {"n": 9}).events()
    assert (await anext(events)).note == "0 of 9"
    await events.aclose()  # leaving cancels the far end


def test_nobody_listens():
    assert listening(None) is None
