"""The snippets of the Python API, run as they are printed.

Each is executed word for word, with ``await`` at the top level as a notebook has it; what a
snippet leaves open (a class, a list of questions) stands before it, a return value after it.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.run.running import collecting
from tests.acceptance.harness import TestMesh, environment

SERVE = '''
from chatixia import Agent, Ctx
agent = Agent("weather", "Forecasts for any city")

@agent.skill                                   # bare or with options; the function stays the function
async def forecast(city: str, days: int = 3) -> Forecast:
    """Forecast for a city."""
'''  # noqa: E501 - as printed
RUN = """
agent.run()                                    # a script; `chatixia run weather.py` is the same
async with agent: ...                          # a FastAPI lifespan
await agent.start(); await agent.stop()        # Jupyter
chatixia.run(agent, other)                     # several in one process
"""
CALL = """
from chatixia import connect, connect_sync
async with connect() as mesh:                  # the profile of `chatixia join`
    weather = mesh.agent("weather", timeout=5, idempotent=True)   # options on the handle
    f = await weather.forecast(city="Oslo")                       # keywords belong to the skill alone
    r = await weather.call("forecast", {"city": "Oslo"})          # Reply: value, via, ms, agent
    g = await mesh.any("forecast").forecast(city="Oslo")          # by skill
with connect_sync() as mesh:
    mesh.agent("weather").forecast(city="Oslo")
"""  # noqa: E501 - as printed
STREAM_SERVE = """
@agent.skill
async def tell(topic: str) -> AsyncIterator[str]: yield "..."
"""
STREAM = """
async with mesh.agent("teller").stream("tell", {"topic": "sea"}) as words:   # leaving cancels the far end
    async for w in words: print(w, end="")
"""  # noqa: E501 - as printed
DELEGATE = """
@agent.skill(timeout=60)
async def report(city: str, ctx: Ctx) -> Report:              # ctx is found by its type, not in the schema
    try: f = await ctx.agent("weather").forecast(city=city)   # deadline, hops, trace, cancel ride along
    except Unreachable as e: ...                              # e.code e.retryable e.agent e.via
    parts = await ctx.gather((ctx.any("search").search(q=q) for q in qs), limit=8)
    await ctx.progress(0.7, "merging")
"""  # noqa: E501 - as printed
DURABLE = """
task = await mesh.submit("weather", "forecast", {"city": "Oslo"}, key="oslo-1123", deadline=3600)
print(task.id); value = await task             # after a restart: await mesh.task(task_id)
"""
TYPED = """
from weather_stub import Weather               # chatixia stubs weather > weather_stub.py: ordinary classes
w = mesh.agent("weather", like=Weather)        # mypy and the editor know it
"""  # noqa: E501 - as printed
TEST = """
from chatixia.testing import mesh_of
async with mesh_of(weather, reporter, loss=0.2, seed=7) as mesh:      # no socket, fake clock
    assert (await mesh.agent("reporter").report(city="Oslo")).city == "Oslo"
assert (await forecast("Oslo")).city == "Oslo"                        # a plain unit test
"""

BEFORE = """
import chatixia
from collections.abc import AsyncIterator
from dataclasses import dataclass
from chatixia import Agent, Ctx, Unreachable

@dataclass
class Forecast:
    city: str
    high_c: float

@dataclass
class Report:
    city: str
    parts: list[str]

qs = ["a", "b", "c"]
"""
FORECAST_ENDS = "    return Forecast(city, 1.5 * days)\n"
REPORT_ENDS = "    return Report(f.city, parts)\n"
SEARCH = """
searcher = Agent("searcher")
@searcher.skill
async def search(q: str) -> str: return "found " + q
"""
PARTS = (
    BEFORE
    + SERVE
    + FORECAST_ENDS
    + "weather = agent\nagent = Agent('teller')\n"
    + STREAM_SERVE
    + "teller = agent\nagent = Agent('reporter')\n"
    + DELEGATE
    + REPORT_ENDS
    + "reporter = agent\n"
    + SEARCH
)
WORLD = PARTS + "chatixia.run(weather, teller, reporter, searcher)\n"


async def execute(code: str, **names: Any) -> dict[str, Any]:
    """Run ``code`` with ``await`` at the top level; its names afterwards."""
    space = {"__name__": "snippet", **names}
    compiled = compile(code, "snippet", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    made = eval(compiled, space)
    if inspect.iscoroutine(made):
        await made
    return space


@pytest.fixture
def home(net: TestMesh, tmp_path: Path) -> Iterator[None]:
    """A registry, and the four agents of the snippets in one process of their own."""
    (tmp_path / "world.py").write_text(WORLD)
    net.up()
    process = net.procs.start("world", program=(sys.executable, str(tmp_path / "world.py")))
    for name in ("weather", "teller", "reporter", "searcher"):
        process.wait_for(rf"{name}\s+online")
    with environment(CHATIXIA_HOME=str(net.procs.home)):
        yield


async def test_one_serve(net: TestMesh):
    net.up()
    with environment(CHATIXIA_HOME=str(net.procs.home)), collecting() as ran:
        code = BEFORE + SERVE + FORECAST_ENDS + "other = Agent('other')\n" + RUN
        space = await execute(code)
    assert [agent.name for agent in ran] == ["weather", "weather", "other"]
    assert (await space["forecast"]("Oslo")).city == "Oslo"


async def test_two_call(home: None):
    said = await execute(CALL)
    assert said["f"] == said["g"] == said["r"].value == {"city": "Oslo", "high_c": 4.5}
    assert (said["f"].city, said["r"].via, said["r"].agent) == ("Oslo", "direct", "weather")
    assert said["r"].ms > 0


async def test_three_stream(home: None, capsys: pytest.CaptureFixture[str]):
    from chatixia import connect

    async with connect() as mesh:
        await execute(STREAM, mesh=mesh)
    assert capsys.readouterr().out == "..."


async def test_four_delegate(home: None):
    from chatixia import connect

    async with connect() as mesh:
        report = await mesh.agent("reporter").report(city="Oslo")
        (info,) = [s for s in await mesh.skills("reporter") if s.name == "report"]
    assert report == {"city": "Oslo", "parts": ["found a", "found b", "found c"]}
    assert b"ctx" not in bytes(info.parameters)


async def test_five_durable(home: None, capsys: pytest.CaptureFixture[str]):
    from chatixia import connect

    async with connect() as mesh:
        said = await execute(DURABLE, mesh=mesh)
        task_id = capsys.readouterr().out.strip()
        assert said["value"] == {"city": "Oslo", "high_c": 4.5}
        again = await execute(DURABLE, mesh=mesh)
        assert again["task"].id == task_id
    async with connect() as mesh:
        assert await mesh.task(task_id) == said["value"]


async def test_five_typed(
    home: None, net: TestMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from chatixia import connect

    stub = await asyncio.to_thread(net.procs.run, "stubs", "weather")
    (tmp_path / "weather_stub.py").write_text(stub.stdout)
    monkeypatch.syspath_prepend(tmp_path)
    async with connect() as mesh:
        said = await execute(TYPED, mesh=mesh)
        forecast = await said["w"].forecast(city="Oslo")
        assert (type(forecast).__module__, forecast.high_c) == ("weather_stub", 4.5)
        with pytest.raises(TypeError, match="no argument 'town'"):
            await said["w"].forecast(town="Oslo")


async def test_six_test():
    world = await execute(PARTS.replace(DELEGATE, REPORT_ALONE))
    await execute(TEST, **{n: world[n] for n in ("weather", "reporter", "forecast")})


REPORT_ALONE = """
@agent.skill
async def report(city: str, ctx: Ctx) -> Report:
    f = await ctx.agent("weather").forecast(city=city)
    parts = []
"""
