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
from chatixia.wire.registry import Announced, AnnounceReceipt
from chatixia.wire.signaling import MAX_ANNOUNCEMENT
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


async def test_more_are_told_over_open_links_and_the_rest_by_the_registry():
    net = Net()
    served = [Served(net, f"a{n:02}") for n in range(MAX_RECEIVERS + 4)]
    served[0].port.linked = {"a03", "a05"}
    asked = []

    def announce(request):
        asked.append(request)
        codes = {"a01": "denied", "a02": "busy", "a04": "odd"}
        rest = sorted(set(net.ports) - {"a00", "a03", "a05", "a35"})
        return Announced([AnnounceReceipt(name, codes.get(name, "")) for name in rest])

    net.verbs["announce"] = announce
    got = {r.agent: r for r in await served[0].mesh.broadcast("hi")}
    assert len(got) == MAX_RECEIVERS + 3 and "a00" not in got
    assert [(request.text, request.besides) for request in asked] == [("hi", ["a03", "a05"])]
    assert {name for name, r in got.items() if r.via == "direct"} == {"a03", "a05"}
    assert {r.code for r in got.values()} == {"", "denied", "busy", "odd", "unreachable"}
    assert got["a35"].code == "unreachable" and "in time" in got["a35"].message
    assert got["a06"].ok and got["a06"].via == "registry, plain"
    for one in served:
        one.close()


async def test_what_the_registry_does_not_take_is_said_of_each():
    net = Net()
    served = [Served(net, f"a{n:02}") for n in range(MAX_RECEIVERS + 2)]
    served[0].port.linked = {"a01"}

    def away(_: object) -> None:
        raise RegistryUnreachable

    net.verbs["announce"] = away
    got = await served[0].mesh.broadcast("hi")
    assert [r.code for r in got] == ["", *["registry_unreachable"] * MAX_RECEIVERS]
    got = await served[0].mesh.broadcast("x" * (MAX_ANNOUNCEMENT + 1))
    assert {r.code for r in got[1:]} == {"too_large"}
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
