"""Agents on a network in memory: snippet 6, and what a test of agents needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from chatixia import Agent, BadArguments, Ctx, SkillFailed, UnknownAgent, UnknownSkill
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
        with pytest.raises(SkillFailed, match=r"broken of weather failed with KeyError\.") as e:
            await there.broken()
        assert "secret" not in str(e.value)
        with pytest.raises(UnknownAgent):
            await mesh.agent("nobody").forecast(city="Oslo")


async def test_an_agent_can_be_used_in_many_meshes():
    for seed in range(3):
        async with mesh_of(weather, seed=seed) as mesh:
            assert await mesh.agent("weather").slow(n=seed) == seed * 2
            assert [a.agent_id for a in await mesh.agents()] == ["weather"]
