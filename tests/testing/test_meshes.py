"""Agents on a network in memory: snippet 6, and what a test of agents needs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from chatixia import (
    Agent,
    BadArguments,
    Cancelled,
    Conflict,
    Ctx,
    DeadlineExceeded,
    MeshError,
    Overloaded,
    Progress,
    SkillFailed,
    UnknownAgent,
    UnknownSkill,
)
from chatixia.testing import mesh_of
from chatixia.world import REAL


@dataclass
class Forecast:
    city: str
    high_c: float


weather = Agent("weather", "Forecasts")
reporter = Agent("reporter")


@weather.skill
async def forecast(city: str, days: int = 3) -> Forecast:
    """Forecast for a city."""
    return Forecast(city, 3.1 * days)


@weather.skill
async def words(n: int) -> AsyncIterator[str]:
    for i in range(n):
        yield f"w{i}"


@weather.skill
def slow(n: int) -> int:
    return n * 2


@weather.skill
async def broken() -> None:
    raise KeyError("secret")


@weather.prompt
async def reply(text, ctx) -> str:
    return f"{ctx.caller} said {text}"


@reporter.skill(timeout=60)
async def report(city: str, ctx: Ctx) -> Forecast:
    f = await ctx.agent("weather").forecast(city=city)
    return Forecast(f.city, f.high_c)


async def test_snippet_six():
    async with mesh_of(weather, reporter, loss=0.2, seed=7) as mesh:
        assert (await mesh.agent("reporter").report(city="Oslo")).city == "Oslo"
    assert (await forecast("Oslo")).city == "Oslo"


@pytest.mark.parametrize("loss", [0.0, 0.3])
async def test_every_kind_of_call(loss: float):
    async with mesh_of(weather, reporter, loss=loss, seed=1) as mesh:
        there = mesh.agent("weather")
        assert await there.forecast(city="Oslo", days=1) == {"city": "Oslo", "high_c": 3.1}
        assert await there.slow(n=4) == 8
        assert (await there.call("slow", {"n": 1})).value == 2
        assert await mesh.any("forecast").slow(n=2) == 4
        async with there.stream("words", {"n": 50}) as items:
            assert [word async for word in items] == [f"w{i}" for i in range(50)]
        assert await there.words(n=2) == ["w0", "w1"]
        assert await there.ask("hello") == "test~client said hello"
        async with there.ask("hello") as pieces:
            assert "".join([piece async for piece in pieces]) == "test~client said hello"


async def test_errors_are_the_same_classes():
    async with mesh_of(weather) as mesh:
        there = mesh.agent("weather")
        with pytest.raises(BadArguments, match="forecast: days: expected int, got str"):
            await there.forecast(city="Oslo", days="x")
        with pytest.raises(UnknownSkill, match="weather has no skill nothing; it has: forecast"):
            await there.nothing()
        with pytest.raises(SkillFailed, match=r"broken of weather failed with KeyError; ") as e:
            await there.broken()
        assert "secret" not in str(e.value)
        with pytest.raises(UnknownAgent):
            await mesh.agent("nobody").forecast(city="Oslo")


async def test_an_agent_can_be_used_in_many_meshes():
    for seed in range(3):
        async with mesh_of(weather, seed=seed) as mesh:
            assert await mesh.agent("weather").slow(n=seed) == seed * 2
            assert [a.agent_id for a in await mesh.agents()] == ["weather"]


async def test_round_trips_answer_and_loops_end():
    a, b, c = Agent("a"), Agent("b"), Agent("c")

    @a.skill
    async def start(ctx: Ctx) -> list[str]:
        return await ctx.agent("b").middle()

    @b.skill
    async def middle(ctx: Ctx) -> list[str]:
        return await ctx.agent("c").end()

    @c.skill
    async def end(ctx: Ctx) -> list[str]:
        return await ctx.agent("a").back()

    @a.skill
    async def back(ctx: Ctx) -> list[str]:
        return list(ctx.path)

    async def around(ctx: Ctx) -> None:
        other = {"a": "b", "b": "c", "c": "a"}[ctx.mesh.id]
        await ctx.agent(other).around()

    for agent in (a, b, c):
        agent.skill(around)
    async with mesh_of(a, b, c) as mesh:
        assert await mesh.agent("a").start() == ["test~client", "a", "b", "c"]
        with pytest.raises(MeshError) as caught:
            await mesh.agent("a").around()
        assert caught.value.code == "hop_limit"


async def test_messages_and_built_in_skills_over_links():
    a, b = Agent("a", builtin=["mesh_send", "mesh_broadcast", "delegate"]), Agent("b")

    @b.skill
    async def echo(message: str) -> str:
        return message

    async with mesh_of(a, b, loss=0.1, seed=3) as mesh:
        done = await mesh.agent("a").delegate(message="x", skill="echo")
        assert (done.value, done.via, done.agent) == ("x", "direct", "b")
        await mesh.agent("a").mesh_send(target_agent_id="b", message="one")
        receipts = await mesh.agent("a").mesh_broadcast(message="two")
        assert [(r.agent, r.ok) for r in receipts] == [("b", True)]
        assert [m.text for m in b.inbox] == ["one", "two"]
        assert [(r.agent, r.ok) for r in await mesh.broadcast("three")] == [
            ("a", True),
            ("b", True),
        ]


async def until(pause: float) -> str:
    await asyncio.sleep(pause)
    return "slept"


def in_a_thread(pause: float) -> str:
    threading.Event().wait(pause)
    return "slept"


@pytest.mark.parametrize("loss", [0.0, 0.2])
@pytest.mark.parametrize("skill", [until, in_a_thread])
async def test_a_skills_own_sleep_takes_its_real_time_and_no_more(skill: Any, loss: float):
    sleeper = Agent("sleeper")
    sleeper.skill(skill, name="rest")
    async with mesh_of(sleeper, loss=loss, seed=2) as mesh:
        for _ in range(3):
            real, fake = REAL.monotonic(), mesh.now
            assert await mesh.agent("sleeper").rest(pause=0.05) == "slept"
            assert 0.045 < REAL.monotonic() - real < 2.5  # it was 4.75 s
            assert mesh.now - fake < 2
        real = REAL.monotonic()
        with pytest.raises(DeadlineExceeded):
            await mesh.agent("sleeper", timeout=0.2).rest(pause=30)
        assert (loss or REAL.monotonic() - real > 0.15) and REAL.monotonic() - real < 5


async def test_a_queued_skills_sleep_ends_no_lease():
    sleeper = Agent("sleeper")
    sleeper.skill(until, name="rest")
    async with mesh_of(sleeper) as mesh:
        task = await mesh.submit("sleeper", "rest", {"pause": 0.05}, max_attempts=1)
        fake = mesh.now
        assert await task == "slept"
        assert mesh.now - fake < 2


async def test_the_queue_is_the_registrys_own():
    async with mesh_of(weather, reporter, loss=0.2, seed=4) as mesh:
        task = await mesh.submit("weather", "forecast", {"city": "Oslo", "days": 1}, key="k")
        assert await task == {"city": "Oslo", "high_c": 3.1}
        again = await mesh.submit("weather", "forecast", {"days": 1, "city": "Oslo"}, key="k")
        assert again.id == task.id
        with pytest.raises(Conflict):
            await mesh.submit("weather", "forecast", {"city": "Rome"}, key="k")
        row = await mesh.task(task.id).row()
        assert (row.state, row.assigned_agent_id, row.attempt) == ("completed", "weather", 1)
        reply = await mesh.agent("reporter", queue="only").call("report", {"city": "Rome"})
        assert (reply.via, reply.value.city) == ("queue, plain", "Rome")
        with pytest.raises(SkillFailed, match="KeyError"):
            await (await mesh.submit("weather", "broken"))
        with pytest.raises(UnknownAgent):
            await mesh.submit("nobody", "x")


async def test_a_worker_that_dies_is_replaced():
    begun: list[int] = []
    worker, other = Agent("worker"), Agent("other")
    stuck = asyncio.Event()

    @worker.skill
    async def work(ctx: Ctx) -> str:
        begun.append(ctx.attempt)
        await ctx.progress(0.1, "begun")
        await stuck.wait()
        return "never"

    @other.skill(name="work")
    async def works(ctx: Ctx) -> str:
        begun.append(ctx.attempt)
        return "done"

    async with mesh_of(worker, seed=1) as mesh:
        task = await mesh.submit("", "work")
        async for _ in task.progress():
            break
        await mesh.kill(worker)
        await mesh.restart(other)
        fake = mesh.now
        assert await task == "done"
        assert begun == [1, 2]
        assert 4 < mesh.now - fake < 40  # the five seconds that its process had to return


async def test_work_for_whoever_is_away_waits():
    helper = Agent("helper")

    @helper.skill
    async def help() -> str:
        return "here"

    async with mesh_of(helper) as mesh:
        await mesh.kill(helper)
        task = await mesh.submit("helper", "help", deadline=3600)
        await mesh.sleep(600)
        assert await task.state() == "pending"
        await mesh.restart(helper)
        assert await task == "here"
        late = await mesh.submit("helper", "nothing", deadline=5)
        with pytest.raises(MeshError):
            await late


async def test_progress_and_cancel_of_a_task():
    slow = Agent("slow")
    go, stopped = asyncio.Event(), asyncio.Event()

    @slow.skill
    async def steps(ctx: Ctx) -> str:
        await ctx.progress(0.5, "half")
        try:
            await go.wait()
        finally:
            stopped.set()
        return "done"

    async with mesh_of(slow) as mesh:
        task = await mesh.submit("slow", "steps")
        seen = []
        async for step in task.progress():
            seen.append((step.fraction, step.note))
            go.set()
        assert seen == [(0.5, "half")] and await task == "done"
        go.clear()
        stopped.clear()
        heard: list[Progress] = []
        hear = lambda step: (heard.append(step), go.set())
        handle = mesh.agent("slow", queue="only")
        assert (await handle.call("steps", on_progress=hear)).value == "done"
        assert heard == [Progress(0.5, "half")]
        go.clear()
        stopped.clear()
        task = await mesh.submit("slow", "steps")
        async for _ in task.progress():
            break
        assert await task.cancel("no more") == "canceled"
        await stopped.wait()
        with pytest.raises(Cancelled, match="no more"):
            await task


async def test_progress_keeps_its_pace_while_a_skill_sleeps():
    slow = Agent("slow")

    @slow.skill
    async def count(ctx: Ctx) -> None:
        for n in range(5):
            await ctx.progress(n / 4)
            await asyncio.sleep(0.21)  # its own time, longer than the gap between two reports

    async with mesh_of(slow) as mesh:
        heard: list[float | None] = []
        await mesh.agent("slow").call("count", on_progress=lambda step: heard.append(step.fraction))
        told = [step.fraction async for step in (await mesh.submit("slow", "count")).progress()]
        assert len(heard) > 2 and len(told) > 2, (heard, told)


async def test_a_retry_waits_its_back_off_on_the_fake_clock():
    shaky = Agent("shaky")
    tries: list[float] = []

    async with mesh_of(shaky) as mesh:

        @shaky.skill
        async def work() -> int:
            tries.append(mesh.now)
            if len(tries) < 3:
                raise Overloaded("not yet")
            return len(tries)

        assert await (await mesh.submit("shaky", "work")) == 3
        assert tries[1] - tries[0] > 0.5 and tries[2] - tries[1] > 0.5


async def a_run(seed: int) -> list[Any]:
    """Everything that a run decides, with the time at which it did."""
    seen: list[Any] = []
    one, two = Agent("one"), Agent("two")

    @one.skill
    async def relay(n: int, ctx: Ctx) -> int:
        await asyncio.sleep(0.02)
        seen.append((n, ctx.request_id, ctx.via))
        return int(await ctx.agent("two").double(n=n))

    @two.skill
    async def double(n: int, ctx: Ctx) -> int:
        seen.append((n, ctx.request_id, ctx.path))
        return 2 * n

    async with mesh_of(one, two, loss=0.3, reorder=0.2, duplicate=0.1, seed=seed) as mesh:
        for n in range(4):
            assert await mesh.agent("one").relay(n=n) == 2 * n
            task = await mesh.submit("one", "relay", {"n": n})
            assert await task == 2 * n
            seen.append((task.id, mesh.now, (await task.row()).fence))
    return seen


async def test_the_same_seed_gives_the_same_run():
    first, again, other = await a_run(5), await a_run(5), await a_run(6)
    assert first == again
    assert first != other


async def test_a_link_that_is_cut_leaves_the_queue():
    async with mesh_of(weather) as mesh:
        assert (await mesh.agent("weather").call("slow", {"n": 1})).via == "direct"
        mesh.cut("test~client", "weather")
        reply = await mesh.agent("weather").call("slow", {"n": 2})
        assert (reply.value, reply.via) == (4, "queue, plain")
        mesh.heal("test~client", "weather")
        await mesh.sleep(1)
        assert (await mesh.agent("weather").call("slow", {"n": 3})).via == "direct"
