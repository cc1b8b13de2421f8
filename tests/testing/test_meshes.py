"""Agents on a network in memory: snippet 6, and what a test of agents needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from chatixia import (
    Agent,
    BadArguments,
    Ctx,
    MeshError,
    SkillFailed,
    UnknownAgent,
    UnknownSkill,
)
from chatixia.testing import mesh_of


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
            ("a", True), ("b", True),
        ]  # fmt: skip
