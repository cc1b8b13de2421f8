"""The public Agent on a real registry and real links."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from chatixia import Agent, Ctx, connect
from chatixia.agent.skill import Skill
from chatixia.assembly import wiring
from chatixia.errors import AlreadyRunning, ConfigError, MeshError, Overloaded, UnknownSkill
from chatixia.testing.registry import RegistryHarness
from tests.agent.loopback import Net


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with RegistryHarness(tmp_path / "home") as made:
        monkeypatch.setenv("CHATIXIA_HOME", str(made.home))
        yield made


def weather() -> Agent:
    agent = Agent("weather", "Forecasts for any city")

    @agent.skill
    async def forecast(city: str, days: int = 3) -> dict[str, object]:
        """Forecast for a city."""
        return {"city": city, "days": days}

    return agent


def test_names_and_repr():
    assert repr(Agent("a")) == "<agent a>"
    for name in ("", "No", "a.", "registry", "x~abcdef"):
        with pytest.raises(ConfigError, match="cannot name an agent"):
            Agent(name)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        (7, {}, "An agent's name is a text, not 7"),
        ("x", {"callers": "laptop"}, "callers is a list of names"),
        ("x", {"callers": 7}, "callers is a list of names"),
        ("x", {"builtin": "delegate"}, "builtin is a list of names"),
    ],
)
def test_one_text_is_no_list_of_names(name: Any, options: Any, says: str):
    with pytest.raises(ConfigError, match=says):
        Agent(name, **options)


def test_before_it_has_started():
    agent = weather()
    assert agent.banner() == "  weather  stopped"
    with pytest.raises(ConfigError, match="await agent.start"):
        _ = agent.mesh
    agent.prompt(lambda text: text)
    with pytest.raises(ConfigError, match="two prompt handlers"):
        agent.prompt(lambda text: text)
    assert len(agent.inbox) == 0


def test_built_in_skills_are_asked_for():
    assert list(weather().skills) == ["forecast"]
    agent = Agent("a", builtin=["delegate"])
    assert agent.offered() == []


async def test_serving_and_calling(registry: RegistryHarness):
    agent, other = weather(), Agent("other")

    @other.skill
    async def report(city: str, ctx: Ctx) -> object:
        return (await ctx.agent("weather").forecast(city=city)).city

    async with agent, other, connect() as mesh:
        assert "weather  online  skills: forecast  key " in agent.banner()
        assert "registry home (127.0.0.1:" in agent.banner()
        reply = await mesh.agent("weather").call("forecast", {"city": "Oslo"})
        assert (reply.value, reply.via) == ({"city": "Oslo", "days": 3}, "direct")
        assert await mesh.agent("other").report(city="Oslo") == "Oslo"
        assert (await agent.mesh.agent("other").report(city="Rome")) == "Rome"
        assert sorted(a.agent_id for a in await mesh.agents()) == ["other", "weather"]
        assert "~" in mesh.id
    assert agent.banner() == "  weather  stopped"


async def test_a_skill_added_later_is_seen(registry: RegistryHarness):
    agent = weather()
    async with agent, connect() as mesh:
        with pytest.raises(UnknownSkill):
            await mesh.agent("weather").later()

        @agent.skill
        async def later() -> int:
            return 1

        assert await mesh.agent("weather").later() == 1


async def test_start_and_stop_again(registry: RegistryHarness):
    agent = weather()
    for _ in range(2):
        await agent.start()
        with pytest.raises(ConfigError, match="has started already"):
            await agent.start()
        with pytest.raises(AlreadyRunning):
            await weather().start()
        await agent.stop()
        await agent.stop()


async def test_a_cancelled_start_leaves_nothing_behind(registry: RegistryHarness):
    agent = weather()
    for turns in range(12):
        starting = asyncio.create_task(agent.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.wait([starting])
        assert starting.cancelled()
    await agent.start()
    await agent.stop()


async def test_a_cancelled_start_waits_for_the_thread_that_holds_its_lock(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    locked, go_on, enrolled = threading.Event(), threading.Event(), wiring._enrolled

    def held_up(*args: Any) -> Any:
        made = enrolled(*args)
        locked.set()
        go_on.wait(30)
        return made

    monkeypatch.setattr(wiring, "_enrolled", held_up)
    agent = weather()
    starting = asyncio.create_task(agent.start())
    assert await asyncio.to_thread(locked.wait, 30)
    starting.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not starting.done(), "its lock would still be held"
    go_on.set()
    await asyncio.wait([starting])
    await agent.start()
    await agent.stop()


async def test_a_refused_start_leaves_nothing_behind(registry: RegistryHarness):
    agent = Agent("broken")

    @agent.skill
    async def bad(*many: int) -> None: ...

    with pytest.raises(ConfigError, match="takes \\*many"):
        await agent.start()
    agent.skills.clear()
    await agent.start()
    await agent.stop()


async def test_without_a_registry_it_goes_on_trying(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("chatixia.assembly.agent.ONLINE_S", 0.2)
    await registry.stop()
    agent = weather()
    await agent.start()
    assert "waiting for the registry" in agent.banner()
    assert "Still trying" in caplog.text
    await registry.start()
    await agent.online(30)
    assert "  weather  online" in agent.banner()
    await agent.stop()


async def test_a_second_login_ends_it(registry: RegistryHarness):
    agent, ended = weather(), asyncio.Event()
    agent.on_fault = ended.set
    async with agent:
        agent._failed(MeshError("gone"))
        await asyncio.wait_for(ended.wait(), 5)
        assert str(agent.fault) == "gone"


async def test_messages_land_in_its_file(registry: RegistryHarness):
    agent = weather()
    async with agent, connect() as mesh:
        (receipt,) = await mesh.broadcast("hello")
        assert receipt.ok
        (message,) = agent.inbox
        assert message.text == "hello"
        assert agent.inbox.file is not None
        assert "hello" in agent.inbox.file.read_text()


def start_in_child(agent: Agent, out: Connection) -> None:
    try:
        asyncio.run(agent.start())
    except ConfigError as error:
        out.send(error.message)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_after_fork():
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    child = context.Process(target=start_in_child, args=(weather(), there))
    child.start()
    assert here.poll(30)
    assert "made before this process forked" in here.recv()
    child.join(30)


def described(many: int) -> Agent:
    """An agent with that many skills of 100 kB of schema each."""
    agent = Agent("wordy")
    for n in range(many):
        schema = {"type": "object", "description": "x" * 100_000}
        agent.add(Skill(f"s{n}", lambda: None, parameters=schema))
    return agent


async def test_schemas_that_fit_no_login_are_refused_at_the_start(registry: RegistryHarness):
    """And by `validate`; what stays within the bound is served."""
    with pytest.raises(ConfigError, match="at most 1,048,576 are allowed"):
        described(11).check()
    with pytest.raises(ConfigError, match="at most 1,048,576 are allowed"):
        await described(11).start()
    agent = described(10)
    agent.check()
    async with agent, connect() as mesh:
        assert len((await mesh.agents())[0].skills) == 10


COUNTS = [30, pytest.param(500, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]


@pytest.mark.parametrize("count", COUNTS)
async def test_many_agents_start_at_once_though_the_registry_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
):
    """Each is told to come later, and comes later."""
    if count < 100:
        monkeypatch.setattr("chatixia.registry.web.app.LOOPBACK_NONCE_RATE", (3.0, 15.0))
    async with RegistryHarness(tmp_path / "home") as made:
        monkeypatch.setenv("CHATIXIA_HOME", str(made.home))
        agents = [Agent(f"a{n}") for n in range(count)]
        try:
            await asyncio.gather(*(agent.start() for agent in agents))
            await asyncio.gather(*(agent.online(600) for agent in agents))
            assert len(made.running.service.roster.agents()) == count
        finally:
            await asyncio.gather(*(agent.stop() for agent in agents))


async def test_an_agent_goes_on_at_a_registry_that_takes_no_login_now(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("chatixia.assembly.agent.ONLINE_S", 0.5)
    roster, full = registry.running.service.roster, True
    admits = roster._admits

    def check(*rest: Any) -> None:
        if full:
            raise Overloaded("Too many agents and clients of this machine are connected.")
        admits(*rest)

    monkeypatch.setattr(roster, "_admits", check)
    agent = weather()
    await agent.start()
    try:
        assert "Too many agents" in caplog.text and "Still trying" in caplog.text
        full = False
        await agent.online(60)
    finally:
        await agent.stop()


HEIR = """
import asyncio, os, sys, time
from chatixia import Agent

async def main():
    await Agent("weather").start()
    heir = os.fork()  # as a process pool does
    if heir == 0:
        os.close(1)
        time.sleep(120)
        os._exit(0)
    print(heir, flush=True)
    await asyncio.sleep(120)

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
async def test_a_child_that_outlives_a_killed_agent_holds_neither_its_name_nor_its_login(
    registry: RegistryHarness,
):
    gone = asyncio.Event()
    roster = registry.running.service.roster
    roster.ended.append(lambda socket, replaced: gone.set())
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HEIR, stdout=asyncio.subprocess.PIPE
    )
    assert first.stdout
    heir = int(await asyncio.wait_for(first.stdout.readline(), 60))
    try:
        assert roster.online("weather")
        first.kill()
        await first.wait()
        await asyncio.wait_for(gone.wait(), 10)  # the system closed it: no ping had to time out
        async with weather(), connect() as mesh:
            assert (await mesh.agent("weather").forecast(city="Oslo")).days == 3
    finally:
        os.kill(heir, signal.SIGKILL)


async def test_a_cell_that_is_run_twice(registry: RegistryHarness):
    async with weather() as agent:
        with pytest.raises(AlreadyRunning, match=r"a notebook's cell.*`await agent.stop\(\)`"):
            await weather().start()
        with pytest.raises(ConfigError, match=r"has started already; `await agent.stop\(\)` first"):
            await agent.start()


async def test_another_loop_neither_starts_nor_stops_it():
    agent = Agent("a")
    agent.attach(Net().port("a"))
    mesh = agent.mesh
    for use in (agent.start, agent.stop, mesh.agents):
        with pytest.raises(ConfigError, match="belongs to the event loop of thread MainThread"):
            await asyncio.to_thread(asyncio.run, use())
    assert agent.mesh is mesh
    await agent.stop()


async def test_a_loop_that_has_ended_keeps_no_agent():
    agent = Agent("a")

    async def begin() -> None:
        agent.attach(Net().port("a"))

    await asyncio.to_thread(asyncio.run, begin())
    agents = agent.mesh.agents()
    with pytest.raises(ConfigError, match="which has ended"):
        await agents
    await agent.stop()
    agent.attach(Net().port("a"))
    assert [one.agent_id for one in await agent.mesh.agents()] == ["a"]
    await agent.stop()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"description": 7}, "description is a text, not 7."),
        ({"description": None}, "description is a text, not None."),
        ({"description": ["a"]}, r"description is a text, not \['a'\]."),
        ({"data_dir": 7}, "data_dir is a path, not 7."),
        ({"model": 7}, "model is a text such as 'openai:gpt-6-luna', or a model .*, not 7."),
        ({"model": b"x"}, "model is a text such as .*, not b'x'."),
    ],
)
def test_an_argument_of_another_type_is_one_sentence(options: dict[str, Any], sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        Agent("a", **options)


def test_what_is_no_skill_and_no_function_is_refused():
    other: Any = 7
    with pytest.raises(ConfigError, match="is a Skill, not 7"):
        Agent("a").add(other)
    with pytest.raises(ConfigError, match=r"@agent.prompt decorates a function"):
        Agent("a").prompt(other)
