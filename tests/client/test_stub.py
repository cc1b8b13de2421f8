"""Typed agents: what a stub says is what is there."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from chatixia import AgentStub, Artifact, Ctx, SyncAgentStub, TypedItems, skill_stub
from chatixia.client.sync import SyncMesh
from chatixia.errors import BadArguments, BadRequest, ConfigError
from chatixia.testing import mesh_of
from tests.assembly.stubs.sample import module, sample, skills_of, written


@pytest.fixture
async def stub() -> Any:
    return module(written("weather", await skills_of(sample())))


async def test_a_value_is_what_its_annotation_says(stub: Any):
    async with mesh_of(sample()) as mesh:
        weather = mesh.agent("weather", like=stub.Weather)
        assert repr(weather) == "<Weather weather>"
        spot = stub.Spot(lat=1.5, lon=2.5, class_="y")
        forecast = await weather.forecast(city="Oslo", unit="f", spot=spot)
        assert type(forecast) is stub.Forecast
        assert (forecast.day, forecast.high_c, forecast.unit) == (dt.date(2026, 1, 2), 3.0, "f")
        assert forecast.spot == spot and forecast.note is None
        assert forecast.shape == stub.Circle(r=2.5) and forecast.shape.type == "circle"
        key, price = uuid.uuid4(), Decimal("1.5")
        assert await weather.raw(data=b"\0x", key=key, price=price) == (b"\0x", key, price)
        assert await weather.nothing() is None
        assert await weather.match_all(shape=stub.Square(side=1.0)) == stub.Square(side=1.0)


async def test_names_go_out_as_the_wire_has_them(stub: Any):
    async with mesh_of(sample()) as mesh:
        weather = mesh.agent("weather", like=stub.Weather)
        assert await weather.get_all() == ["oldest"]
        assert await weather.get_all(spots=[stub.Spot(lat=1)], mode="fastest") == ["fastest", "x"]
        assert await weather.get_all(spots=msgspec.UNSET) == ["oldest"]
        assert await weather.list_(int_=5, b=True, a=False) == {"int": [5], "more": ["a", "b"]}


async def test_streams_and_artifacts(stub: Any):
    async with mesh_of(sample()) as mesh:
        weather = mesh.agent("weather", like=stub.Weather)
        async with weather.tell(topic="sea") as items:
            assert [item async for item in items] == ["sea 0", "sea 1"]
        tree = stub.Node(value=1, children=[stub.Node(value=2)])
        assert [node async for node in weather.nodes(node=tree)] == [tree, stub.Node(value=2)]
        copied = await weather.copy(file=Artifact.of(b"abc", name="a.txt"))
        assert (copied.name, await copied.read()) == ("a.txt", b"abc")


async def test_what_python_would_refuse_is_refused_before_it_is_sent(stub: Any):
    async with mesh_of(sample()) as mesh:
        weather = mesh.agent("weather", like=stub.Weather)
        with pytest.raises(TypeError, match="no argument 'town'"):
            await weather.forecast(city="Oslo", town="x")
        with pytest.raises(TypeError, match="needs the argument 'city'"):
            await weather.forecast()
        with pytest.raises(TypeError, match="by name"):
            await weather.forecast("Oslo")
        with pytest.raises(BadArguments):
            await weather.forecast(city=5)


async def test_an_answer_that_is_another_than_the_stub_says_is_an_error():
    class Old(AgentStub):
        @skill_stub("nothing")
        async def nothing(self) -> int:
            raise NotImplementedError

        @skill_stub("tell")
        def tell(self, *, topic: str) -> TypedItems[int]:
            raise NotImplementedError

    async with mesh_of(sample()) as mesh:
        old = mesh.agent("weather", like=Old)
        with pytest.raises(BadRequest, match="not what its stub says.*chatixia stubs"):
            await old.nothing()
        with pytest.raises(BadRequest, match="chatixia stubs"):
            async with old.tell(topic="x") as items:
                await anext(items)


@pytest.mark.parametrize("like", [int, object(), SyncAgentStub])
async def test_another_class_is_refused(like: Any):
    async with mesh_of(sample()) as mesh:
        with pytest.raises(ConfigError, match="like= takes"):
            mesh.agent("weather", like=like)


async def test_a_skill_uses_a_stub_within_its_request(stub: Any):
    from chatixia import Agent

    caller = Agent("caller")

    @caller.skill
    async def ask(ctx: Ctx) -> str:
        weather = ctx.agent("weather", like=stub.Weather)
        return str((await weather.forecast(city="Rome")).city)

    async with mesh_of(sample(), caller) as mesh:
        assert (await mesh.agent("caller").call("ask")).value == "Rome"


async def test_options_stand_beside_like(stub: Any):
    async with mesh_of(sample()) as mesh:
        weather = mesh.agent("weather", like=stub.Weather, timeout=7, idempotent=True)
        assert weather.handle._options.timeout == 7
        assert await weather.nothing() is None


def test_the_same_without_await(stub: Any):
    with SyncMesh(mesh_of(sample())) as mesh:
        weather = mesh.agent("weather", like=stub.SyncWeather)
        assert weather.forecast(city="Oslo").city == "Oslo"
        with weather.tell(topic="sea", times=3) as items:
            assert list(items) == ["sea 0", "sea 1", "sea 2"]
        assert [node.value for node in weather.nodes(node=stub.Node(value=4))] == [4]
        with pytest.raises(ConfigError, match="SyncAgentStub"):
            mesh.agent("weather", like=stub.Weather)
