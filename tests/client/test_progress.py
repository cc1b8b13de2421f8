"""What an asker hears of the progress of its call, by every handle."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chatixia.agent.context import Ctx
from chatixia.client.progress import Progress, listening
from chatixia.core.ports import Incoming, Responder
from chatixia.errors import BadRequest
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack, tool_began
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


async def thoughtful(incoming: Incoming, responder: Responder) -> None:
    """Text, events and progress, one after the other."""
    await responder.item(b'"Hel"')
    await responder.item(EMPTY_ITEM, event=pack(BEGAN))
    responder.progress(0.5, "half")
    await responder.item(b'"lo"')
    await responder.item(EMPTY_ITEM, event=pack(USAGE))
    responder.reply(b'""')


BEGAN, USAGE = tool_began("1", "forecast", "{}", visible=True), AgentEvent("usage", input_tokens=3)


async def test_an_answer_gives_its_text_alone_or_all_that_came_in_order(net: Net):
    port = net.port("b")
    port.serve(thoughtful, [], 1)
    there = client(net).agent("b")
    async with there.ask("hello") as pieces:
        assert [piece async for piece in pieces] == ["Hel", "lo"]
    assert [piece async for piece in there.stream("any")] == ["Hel", "lo"]
    async with there.ask("hello") as pieces:
        steps = [step async for step in pieces.events()]
    assert steps == [
        Progress(item="Hel"),
        Progress(event=BEGAN),
        Progress(0.5, "half"),
        Progress(item="lo"),
        Progress(event=USAGE),
    ]


async def test_an_event_that_cannot_be_read_is_one_clear_error(net: Net):
    async def broken(incoming: Incoming, responder: Responder) -> None:
        await responder.item(EMPTY_ITEM, event=b"[]")
        responder.reply(b'""')

    net.port("b").serve(broken, [], 1)
    with pytest.raises(BadRequest, match="cannot be read"):
        async with client(net).agent("b").ask("hello") as pieces:
            async for _ in pieces.events():
                pass


def test_nobody_listens():
    assert listening(None) is None
