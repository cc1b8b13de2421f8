"""By skill: who has it takes turns, and another one where nothing happened."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from chatixia import Agent
from chatixia.client.anyone import REACH_S, ROUNDS
from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh
from chatixia.client.retry import TRIES
from chatixia.errors import (
    BadArguments,
    ConfigError,
    DeadlineExceeded,
    MeshError,
    SkillFailed,
    Unavailable,
    UnknownSkill,
    Unreachable,
)
from chatixia.testing import mesh_of
from chatixia.testing.network import Network
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import Agents
from chatixia.wire.tasks import Query
from tests.agent.loopback import Net
from tests.agent.served import Served, client
from tests.intercept import calls


async def name() -> str:
    return "x"


async def breaks() -> None:
    raise ValueError


@pytest.fixture
def net():
    made = Net()
    served = [Served(made, n, name, breaks) for n in ("a", "b", "c")]
    yield made
    for one in served:
        one.close()


@pytest.mark.parametrize("skill", ["", "x" * 65, "two words", "9"])
def test_what_no_skill_is_called_is_not_looked_for(net: Net, skill: str):
    with pytest.raises(UnknownSkill, match=f"No skill can be called '{skill}': a letter"):
        client(net).any(skill)


async def test_streams_and_questions_say_where_they_go(net: Net):
    anyone = client(net).any("name")
    with pytest.raises(ConfigError, match="go to one agent: mesh.agent"):
        async with anyone.stream("name", {}):
            pass
    with pytest.raises(ConfigError, match="go to one agent: mesh.agent"):
        await anyone.ask("hi")


async def test_turns(net: Net):
    anyone = client(net).any("name")
    seen = Counter([(await anyone.call("name")).agent for _ in range(9)])
    assert seen == {"a": 3, "b": 3, "c": 3}
    assert await anyone.name() == "x"
    with pytest.raises(TypeError, match="name takes its arguments by name"):
        await anyone.name("x")  # type: ignore[arg-type]
    assert repr(anyone) == "<any agent with name>"
    with pytest.raises(AttributeError):
        _ = anyone._x


async def test_another_one_where_nothing_happened(net: Net):
    net.down |= {"a", "b"}
    for _ in range(4):
        assert (await client(net).any("name").call("name")).agent == "c"
    net.down.add("c")
    with pytest.raises(Unreachable):
        await client(net).any("name").call("name")


async def test_a_failure_is_not_tried_elsewhere(net: Net):
    before = len(net.log)
    with pytest.raises(SkillFailed):
        await client(net).any("breaks").breaks()
    assert len(net.log) == before + 1


async def test_unknown_outcomes_stay(net: Net):
    mesh, asked = client(net), []
    lose = functools.partial(Unreachable, outcome="unknown")
    mesh._context.call = calls(mesh._context.call, lose=lose, seen=asked)
    with pytest.raises(Unreachable):
        await mesh.any("name").name()
    assert len(asked) == 1
    with pytest.raises(Unreachable):
        await mesh.any("name", idempotent=True).name()
    many = Counter(out.target for (out,) in asked[1:])
    assert sum(many.values()) == 3 * ROUNDS + TRIES - 1 and set(many) == {"a", "b", "c"}
    keys = [out.key for (out,) in asked[1:4]]
    assert keys[0] and len(set(keys)) == 1  # so that side effects elsewhere are known again


async def told(incoming, responder) -> None:
    responder.reply(b'"x"')


@asynccontextmanager
async def links_of_memory(*names: str):
    """Agents with a skill, on links that can be cut, and a client among them."""
    net = Network()
    for one in names:
        net.node(one).serve(told, [SkillInfo("name")], 2)
    port = net.node("me~abcdef")
    await net.start()
    mesh = Mesh(CallContext(port, net.world), net.stop)
    async with mesh:
        yield net, mesh


async def test_one_that_no_link_reaches_costs_little_and_only_once():
    async with links_of_memory("a", "b", "c") as (net, mesh):
        net.cut("me~abcdef", "a", keep=True)
        net.cut("me~abcdef", "b", keep=True)
        anyone, began = mesh.any("name", timeout=30), net.world.now
        anyone._turn = 2  # a's turn, then b's
        assert (await anyone.call("name")).agent == "c"
        assert net.world.now - began < 2 * REACH_S + 1
        for _ in range(6):
            began = net.world.now
            assert (await anyone.call("name")).agent == "c"
            assert net.world.now - began < 1


@pytest.mark.parametrize("how", ["killed", "restarted", "stopping"])
@pytest.mark.parametrize("queue", ["auto", "never"])
async def test_an_idempotent_call_does_not_wait_for_the_lost(how: str, queue):
    """Each of the two that take it first is lost with it, whoever of the three they are."""
    async with links_of_memory("a", "b", "c") as (net, mesh):
        held: list[str] = []

        async def hang(name: str, incoming, responder) -> None:
            if name in held or len(held) == 2:
                responder.reply(b'"x"')
                return
            held.append(name)
            net.world.later(0.5, functools.partial(lose, name, responder))
            await asyncio.Event().wait()

        def lose(name: str, responder) -> None:
            if how == "stopping":
                responder.fail(Unavailable("The agent is stopping.", outcome="unknown"))
                return
            net.kill(name)
            if how == "restarted":
                net.node(name).serve(told, [SkillInfo("name")], 2)
                starting.append(asyncio.ensure_future(net.nodes[name].start()))

        starting: list[asyncio.Future[None]] = []
        for one in ("a", "b", "c"):
            net.nodes[one].serve(functools.partial(hang, one), [SkillInfo("name")], 2)
            await mesh.ping(one)
        began = net.world.now
        reply = await mesh.any("name", idempotent=True, timeout=60, queue=queue).call("name")
        assert reply.value == "x" and len(held) == 2
        assert net.world.now - began < 10
        await asyncio.gather(*starting)


async def test_by_the_queue_alone_it_does_not_wait_for_the_lost_either():
    """Its task is given to one agent. Killed with it, or before it came for it."""
    begun: list[str] = []
    one, two = Agent("one"), Agent("two")

    def add(agent: Agent) -> None:
        @agent.skill
        async def work() -> str:
            begun.append(agent.name)
            if len(begun) == 1:
                await asyncio.Event().wait()
            return agent.name

    for agent in (one, two):
        add(agent)
    async with mesh_of(one, two) as mesh:
        anyone = mesh.any("work", idempotent=True, timeout=120, queue="only")
        call = asyncio.ensure_future(anyone.call("work"))
        while not begun:
            await mesh.sleep(0.1)
        lost, other = (one, two) if begun == ["one"] else (two, one)
        await mesh.kill(lost)
        began = mesh.now
        reply = await call
        assert (reply.value, reply.via) == (other.name, "queue, plain")
        assert mesh.now - began < 20 and begun == [lost.name, other.name]
        [left] = (await mesh.verb("tasks.list", Query(agent=lost.name))).tasks
        assert left.state == "canceled"


async def test_what_is_not_idempotent_is_asked_once():
    async with links_of_memory("a", "b") as (net, mesh):
        asked = []

        async def stops(incoming, responder) -> None:
            asked.append(incoming)
            responder.fail(Unavailable("The agent is stopping.", outcome="unknown"))

        for one in ("a", "b"):
            net.nodes[one].serve(stops, [SkillInfo("name")], 2)
        with pytest.raises(Unavailable) as raised:
            await mesh.any("name").call("name")
        assert raised.value.outcome == "unknown" and len(asked) == 1


async def test_nobody_is_reached():
    async with links_of_memory("a", "b") as (net, mesh):
        for one in ("a", "b"):
            net.cut("me~abcdef", one, keep=True)
        began = net.world.now
        with pytest.raises(Unreachable):
            await mesh.any("name", timeout=9, queue="never").call("name")
        assert 8 < net.world.now - began < 10  # the last one gets all the time that is left


async def test_turns_come_as_links_open():
    async with links_of_memory("a", "b", "c") as (_, mesh):
        anyone = mesh.any("name")
        seen = Counter()
        for _ in range(12):
            seen[(await anyone.call("name")).agent] += 1
        assert set(seen) == {"a", "b", "c"}


async def test_who_has_no_key_comes_last_and_through_the_queue(net: Net):
    listed = net.verbs["agents.list"]

    def without_keys(*names: str) -> None:
        def read(query):
            found = listed(query).agents
            return Agents(
                [
                    replace(one, trust="unverified" if one.agent_id in names else "owner")
                    for one in found
                ]
            )

        net.verbs["agents.list"] = read

    without_keys("a", "b")
    for _ in range(4):
        assert (await client(net).any("name").call("name")).agent == "c"
    net.down.add("c")
    reply = await client(net).any("name").call("name")
    assert reply.agent in ("a", "b") and net.log[-1][1].queue == "only"
    with pytest.raises(Unreachable):
        await client(net).any("name", queue="never").call("name")
    assert net.log[-1][1].target == "c"  # who has no key is not asked
    without_keys("a", "b", "c")
    net.down.clear()
    await client(net).any("name", queue="never").call("name")
    assert net.log[-1][1].queue == "never"  # refused by the mesh itself, with its reason


async def test_nobody_has_it(net: Net):
    with pytest.raises(UnknownSkill, match="No agent in the mesh has the skill nope"):
        await client(net).any("nope").nope()


async def test_the_deadline_is_one_for_all(net: Net):
    mesh = client(net)
    now = mesh._context.world.monotonic()

    class World:
        turn = 0

        def monotonic(self) -> float:
            self.turn += 1
            return now + 10 * self.turn

        def jitter(self) -> float:
            return 0.0

    mesh._context.world = World()  # type: ignore[assignment]
    with pytest.raises(DeadlineExceeded) as caught:
        await mesh.any("name", timeout=5).name()
    assert caught.value.outcome == "definite"
    with pytest.raises(BadArguments):
        mesh.any("name", timeout=0)


@pytest.mark.parametrize("last", [UnknownSkill(), DeadlineExceeded(outcome="definite")])
async def test_what_one_may_have_done_stays_unknown_whatever_the_others_say(
    net: Net, last: MeshError
):
    door, errors = CallContext(net.port("me~abcdef")), [Unreachable(outcome="unknown"), last, last]

    async def call(_):
        raise errors.pop(0)

    door.call = call
    with pytest.raises(Unreachable) as raised:
        await Mesh(door).any("name", idempotent=True).name()
    assert raised.value.outcome == "unknown"
