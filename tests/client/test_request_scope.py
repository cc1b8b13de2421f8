"""Calls of a request never outlive it, and a path has an end."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.agent.context import Ctx
from chatixia.errors import Cancelled, DeadlineExceeded, HopLimit
from chatixia.wire.peer import MAX_HOPS
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def test_a_loop_without_end_is_refused_at_the_limit():
    async def again(ctx: Ctx) -> int:
        return await ctx.agent("b" if ctx.call_context.port.id == "a" else "a").again()

    net = Net()
    served = [Served(net, name, again) for name in ("a", "b")]
    with pytest.raises(HopLimit):
        await client(net).agent("a").again()
    assert max(len(out.path) for _, out in net.log) == MAX_HOPS - 1
    for one in served:
        one.close()


async def test_a_round_trip_answers():
    async def start(ctx: Ctx) -> str:
        return await ctx.agent("b").middle()

    async def middle(ctx: Ctx) -> str:
        return await ctx.agent("c").end()

    async def end(ctx: Ctx) -> str:
        return await ctx.agent("a").back()

    async def back(ctx: Ctx) -> str:
        return " ".join(ctx.path)

    net = Net()
    served = [Served(net, "a", start, back), Served(net, "b", middle), Served(net, "c", end)]
    assert await client(net).agent("a").start() == "me~abcdef a b c"
    for one in served:
        one.close()


async def test_no_time_left_is_a_definite_end():
    async def late(ctx: Ctx) -> None:
        ctx.call_context.deadline = ctx.call_context.world.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            await ctx.agent("a").late()
        assert caught.value.outcome == "definite"
        raise caught.value

    net = Net()
    served = Served(net, "a", late)
    with pytest.raises(DeadlineExceeded) as caught:
        await client(net).agent("a").late()
    assert caught.value.outcome == "unknown"  # of the skill itself, which had begun
    assert len(net.log) == 1
    served.close()


async def test_what_runs_beside_ends_with_the_request():
    errors: list[BaseException] = []
    arrived = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def forever() -> None:
        arrived.set()
        await asyncio.Event().wait()

    async def leaves(ctx: Ctx) -> str:
        async def beside() -> None:
            try:
                await ctx.agent("b").forever()
            except Cancelled as error:
                errors.append(error)
            with pytest.raises(Cancelled):
                await ctx.agent("b").forever()

        tasks.append(asyncio.ensure_future(beside()))
        await arrived.wait()
        return "done"

    net = Net()
    served = [Served(net, "a", leaves), Served(net, "b", forever)]
    assert await client(net).agent("a").leaves() == "done"
    await asyncio.wait_for(tasks[0], 5)
    assert len(errors) == 1
    for one in served:
        one.close()


async def test_cancelling_the_request_cancels_its_call():
    gone, arrived = asyncio.Event(), asyncio.Event()

    async def forever() -> None:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()

    async def waits(ctx: Ctx) -> None:
        await ctx.agent("b").forever()

    net = Net()
    served = [Served(net, "a", waits), Served(net, "b", forever)]
    call = asyncio.ensure_future(client(net).agent("a").waits())
    await asyncio.wait_for(arrived.wait(), 5)
    call.cancel()
    await asyncio.wait_for(gone.wait(), 5)
    for one in served:
        one.close()


async def test_streams_carry_the_path_too():
    async def outer(ctx: Ctx) -> list[str]:
        async with ctx.agent("b").stream("words") as items:
            return [item async for item in items]

    async def words(ctx: Ctx) -> str:
        return " ".join(ctx.path)

    net = Net()
    served = [Served(net, "a", outer), Served(net, "b", words)]
    assert await client(net).agent("a").outer() == ["me~abcdef a"]
    for one in served:
        one.close()
