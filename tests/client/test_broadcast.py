"""A word to all, with a receipt of who got it."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.client.broadcast import MAX_RECEIVERS
from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh
from chatixia.errors import RegistryUnreachable
from chatixia.testing.network import Network
from chatixia.wire.peer import SkillInfo
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def reply(text: str) -> str:
    return f"heard {text}"


@pytest.mark.parametrize("wait", [True, False])
async def test_receipts(wait: bool):
    net = Net()
    served = [Served(net, "a", prompt=reply), Served(net, "b"), Served(net, "c")]
    net.down.add("c")
    got = await client(net).broadcast("hi", wait=wait)
    assert [(r.agent, r.ok, r.reply, r.code) for r in got] == [
        ("a", True, "heard hi" if wait else "", ""),
        ("b", True, "", ""),
        ("c", False, "", "unreachable"),
    ]
    assert [m.text for m in served[1].inbox] == ["hi"]
    assert all(out.queue == "never" for _, out in net.log)
    for one in served:
        one.close()


async def test_at_most_so_many_and_never_oneself():
    net = Net()
    served = [Served(net, f"a{n:02}") for n in range(MAX_RECEIVERS + 3)]
    got = await served[0].mesh.broadcast("hi")
    assert len(got) == MAX_RECEIVERS + 2
    assert [r.ok for r in got] == [True] * MAX_RECEIVERS + [False] * 2
    assert {r.code for r in got[MAX_RECEIVERS:]} == {"too_large"}
    assert "a00" not in {r.agent for r in got}
    for one in served:
        one.close()


async def test_each_has_a_bound_of_its_own():
    """One that no link reaches, one that never answers, and their neighbours."""
    net = Network()

    async def quick(incoming, responder) -> None:
        responder.reply(b'"heard"')

    async def hang(incoming, responder) -> None:
        await asyncio.Event().wait()

    names = [f"a{n:02}" for n in range(20)]
    for name in names:
        net.node(name).serve(hang if name in ("a01", "a02") else quick, [SkillInfo("x")], 2)
    me = net.node("me~abcdef")
    for name in ("a00", "a05"):
        net.cut(me.id, name, keep=True)
    await net.start()
    began = net.world.now
    got = await Mesh(CallContext(me, net.world)).broadcast("hi", timeout=0.5)
    assert net.world.now - began < 3
    assert {r.agent: r.code for r in got if not r.ok} == {
        "a00": "unreachable",
        "a05": "unreachable",
        "a01": "deadline_exceeded",
        "a02": "deadline_exceeded",
    }
    assert [r.reply for r in got if r.ok] == ["heard"] * 16
    await net.stop()


async def test_within_a_request_time_is_kept_for_its_answer():
    net = Net()
    served = [Served(net, "a", prompt=reply), Served(net, "b")]
    bound = client(net).within(10.0)
    assert [r.ok for r in await bound.broadcast("hi", timeout=30)] == [True, True]
    assert all(8.5 < out.timeout <= 9.0 and 0 < out.reach <= 5.0 for _, out in net.log)
    for one in served:
        one.close()


async def test_without_a_registry_those_are_told_that_are_linked():
    net = Net()
    served = [Served(net, "a", prompt=reply), Served(net, "b")]

    def away(_: object) -> None:
        raise RegistryUnreachable

    net.verbs["agents.list"] = away
    assert [r.agent for r in await client(net).broadcast("hi")] == ["a", "b"]
    for one in served:
        one.close()
