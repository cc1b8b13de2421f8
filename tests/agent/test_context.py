"""Ctx: who asks, how long is left, and calls on the request's behalf."""

from __future__ import annotations

import asyncio
import math
import threading

import msgspec
import pytest

from chatixia.agent.context import Ctx
from chatixia.client.call_context import CallContext
from chatixia.core.ports import Incoming
from chatixia.errors import BadRequest, Cancelled, SkillFailed, UnknownSkill
from tests.agent.loopback import Net, Responder
from tests.agent.served import Served, client


async def who(ctx: Ctx) -> dict[str, object]:
    return {
        "caller": ctx.caller,
        "trust": ctx.trust,
        "path": ctx.path,
        "left": ctx.remaining,
        "via": ctx.via,
        "skill": ctx.skill,
        "key": ctx.idempotency_key,
        "attempt": ctx.attempt,
        "fence": ctx.fence,
        "task": ctx.task_id,
        "cancelled": ctx.cancelled,
        "repr": repr(ctx),
        "request": ctx.request_id,
        "trace": ctx.traceparent,
    }


async def passes(ctx: Ctx) -> object:
    return await ctx.agent("a").who()


async def test_what_a_skill_knows():
    net = Net()
    served = Served(net, "a", who)
    said = await client(net).agent("a", timeout=9).who()
    assert 8 < said.pop("left") <= 9
    assert said == {
        "caller": "me~abcdef",
        "trust": "unverified",
        "path": ["me~abcdef"],
        "via": "direct",
        "skill": "who",
        "key": "r1",
        "attempt": 1,
        "fence": "",
        "task": "",
        "cancelled": False,
        "repr": "<request who of me~abcdef>",
        "request": "r1",
        "trace": "",
    }
    served.close()


async def test_path_and_deadline_ride_along():
    net = Net()
    served = [Served(net, "a", who), Served(net, "b", passes)]
    said = await client(net).agent("b", timeout=5).passes()
    assert said["path"] == ["me~abcdef", "b"]
    assert said["caller"] == "b"
    assert said["left"] <= 5
    for one in served:
        one.close()


async def test_any_leaves_out_whoever_waits():
    async def find(ctx: Ctx) -> str:
        return (await ctx.any("find").call("name")).agent

    async def name() -> str:
        return "x"

    net = Net()
    served = [Served(net, n, find, name) for n in ("a", "b")]
    assert await client(net).agent("a").find() == "b"
    caller = served[1].mesh
    with pytest.raises(UnknownSkill, match="No other agent in the mesh has the skill find"):
        await caller.agent("a").find()
    for one in served:
        one.close()


async def test_gather_progress_and_wait():
    async def many(ctx: Ctx, n: int) -> list[int]:
        await ctx.progress(0.5, "half")
        await ctx.progress(7, "over")
        return await ctx.gather((ctx.agent("b").double(n=i) for i in range(n)), limit=3)

    def threaded(ctx: Ctx) -> int:
        return ctx.wait(ctx.agent("b").double(n=4))

    async def wrong(ctx: Ctx) -> int:
        return ctx.wait(asyncio.sleep(0, 1))

    async def double(n: int) -> int:
        return n * 2

    net = Net()
    served = [Served(net, "a", many, threaded, wrong), Served(net, "b", double)]
    there = client(net).agent("a")
    assert await there.many(n=7) == [n * 2 for n in range(7)]
    assert net.responders[0].steps == [(0.5, "half"), (1.0, "over")]
    assert await there.threaded() == 8
    with pytest.raises((BadRequest, SkillFailed)):
        await there.wrong()
    for one in served:
        one.close()


async def test_without_a_deadline_there_is_no_end():
    net = Net()
    inc = Incoming("c", "r", "task", "f", msgspec.Raw(b"{}"), False, ("c",), None, "", "direct", "")
    assert Ctx(inc, Responder(), CallContext(net.port("a")), None).remaining == math.inf


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
async def test_a_thread_sees_that_nobody_waits():
    seen: list[bool] = []
    began, left = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(ctx: Ctx) -> None:
        loop.call_soon_threadsafe(began.set)
        while not ctx.cancelled:
            pass
        seen.append(ctx.cancelled)
        loop.call_soon_threadsafe(left.set)

    net = Net()
    served = Served(net, "a", slow)
    call = asyncio.ensure_future(client(net).agent("a").slow())
    await asyncio.wait_for(began.wait(), 5)
    call.cancel()
    await asyncio.wait_for(left.wait(), 5)
    assert seen == [True]
    served.close()


@pytest.mark.parametrize("touched", [False, True])
async def test_what_is_kept_beyond_the_request_is_closed(touched: bool):
    kept: list[Ctx] = []

    async def keep(ctx: Ctx) -> bool:
        kept.append(ctx)
        if touched:
            await ctx.agent("b").work()
        return ctx.cancelled

    async def work() -> None: ...

    net = Net()
    served = [Served(net, "a", keep), Served(net, "b", work)]
    assert await client(net).agent("a").keep() is False
    (late,) = kept
    assert late.cancelled
    with pytest.raises(Cancelled, match="has ended"):
        await late.agent("b").work()
    for one in served:
        one.close()


async def test_a_cancelled_request_shows_in_the_thread_that_serves_it():
    seen: list[bool] = []
    begun, ended = threading.Event(), threading.Event()

    async def look(ctx: Ctx) -> None:
        def poll() -> None:
            begun.set()
            seen.append(ended.wait(5) and ctx.cancelled)

        await asyncio.to_thread(poll)

    net = Net()
    served = Served(net, "a", look)
    asked = asyncio.ensure_future(client(net).agent("a").look())
    await asyncio.to_thread(begun.wait, 5)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    ended.set()
    while not seen:
        await asyncio.sleep(0)
    assert seen == [True]
    served.close()


async def test_a_mesh_within_a_time_is_still_the_requests():
    async def outer(ctx: Ctx) -> list[list[str]]:
        return [await ctx.mesh.within(5.0).agent("b").inner()]

    async def inner(ctx: Ctx) -> list[str]:
        return list(ctx.path)

    net = Net()
    served = [Served(net, "a", outer), Served(net, "b", inner)]
    assert await client(net).agent("a").outer() == [["me~abcdef", "a"]]
    for one in served:
        one.close()
