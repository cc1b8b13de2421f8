"""Doors shut in a process that forked."""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.connection import Connection

import pytest

from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh
from chatixia.core.ports import Outgoing
from chatixia.errors import ConfigError, DeadlineExceeded, HopLimit, Unreachable
from chatixia.ids import AgentId
from chatixia.testing.clock import FakeWorld
from chatixia.wire.peer import MAX_HOPS
from tests.agent.loopback import Net


def in_child(mesh: Mesh, inside: Mesh, out: Connection) -> None:
    """What a forked child gets of its parent's mesh."""
    said = []
    for use in (
        lambda: mesh.links(),
        lambda: mesh._context.call(Outgoing(AgentId("a"))),
        lambda: inside.links(),
        lambda: inside._context.call(Outgoing(AgentId("a"))),
    ):
        try:
            use()
        except ConfigError as error:
            said.append(error.message)
    out.send(said)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_after_fork():
    mesh = Mesh(CallContext(Net().port("a")))
    here, there = multiprocessing.Pipe()
    inside = mesh.within(60)
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(mesh, inside, there))
    child.start()
    assert here.poll(30)
    said = here.recv()
    child.join(30)
    assert len(said) == 4
    assert all("before the process forked" in sentence for sentence in said)
    assert list(mesh.links())


async def test_a_bound_door_lets_nothing_wait_longer():
    net = Net()
    world = FakeWorld()
    door = CallContext(net.port("a"), world).derive(deadline=world.now + 5.0)
    assert (door.id, door.budget(3.0), door.budget(9.0)) == ("a", 3.0, 5.0)
    world.now += 2
    for timeout, left in ((1.0, 1.0), (9.0, 3.0)):
        with pytest.raises(Unreachable):
            await door.call(Outgoing(AgentId("b"), timeout=timeout))
        assert net.log[-1][1].timeout == left
    out = Outgoing(AgentId("b"), timeout=9.0)
    door.stream(out)
    assert out.timeout == 3.0
    world.now += 3
    for use in (door.call, door.stream):
        with pytest.raises(DeadlineExceeded) as caught:
            use(out)
        assert caught.value.outcome == "definite"


async def test_a_closed_door_ends_pauses_and_keeps_its_id():
    door = CallContext(Net().port("a"))
    waiting = asyncio.ensure_future(door.pause(60))
    await asyncio.sleep(0)
    door.lock()
    async with asyncio.timeout(5):
        await waiting
    assert door.id == "a"
    for use in (door.call, door.stream):
        with pytest.raises(ConfigError, match="is closed"):
            use(Outgoing(AgentId("b")))
    await door.pause(0)


def test_the_root_context():
    context = CallContext(Net().port("a"))
    assert (context.id, context.avoid, context.path) == ("a", {"a"}, ())
    assert (context.traceparent, context.deadline, context.budget(7.0)) == ("", None, 7.0)


async def test_what_is_true_of_a_gateways_calls_is_data():
    net = Net()
    context = CallContext(net.port("gate"), path=("mcp:desk",), traceparent="00-1")
    outgoing = Outgoing(AgentId("b"))
    with pytest.raises(Unreachable):
        await context.call(outgoing)
    assert (outgoing.path, outgoing.traceparent) == (("mcp:desk",), "00-1")
    assert context.avoid == {"mcp:desk", "gate"}
    nearer = context.derive(deadline=context.world.monotonic() + 5)
    assert (nearer.path, nearer.traceparent) == (context.path, "00-1")
    assert nearer.derive(deadline=nearer.deadline + 5).deadline == nearer.deadline


async def test_a_path_has_an_end():
    context = CallContext(Net().port("a"), path=tuple(f"x{n}" for n in range(MAX_HOPS)))
    with pytest.raises(HopLimit):
        await context.call(Outgoing(AgentId("b")))
