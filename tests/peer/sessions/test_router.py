"""What becomes of calls that no path takes."""

import asyncio

import pytest

from chatixia.errors import MeshError, RegistryUnreachable, Unreachable
from tests.peer.sessions.calls import ask


async def test_who_gets_no_link_hears_the_likely_cause(net):
    a = net.nodes["a"]
    net.cut("a", "b", keep=True)
    a.driver.likely = lambda peer: f"no answer over UDP from {peer}"
    for asked in (a.call(ask(queue="never", timeout=2.0)), a.ping("b", 2.0)):
        with pytest.raises(Unreachable) as caught:
            await asked
        assert caught.value.message.endswith("no answer over UDP from b.")


async def test_an_agent_that_the_directory_has_as_away_is_not_waited_for(net):
    a = net.nodes["a"]
    net.cut("a", "b", keep=True)
    net.listed["b"].health = "offline"
    with pytest.raises(MeshError) as raised:
        await a.call(ask(timeout=1.0))
    # the queue was tried at once, which this network has not
    assert (raised.value.code, raised.value.via) == ("unavailable", "queue")


async def test_without_an_answer_from_the_directory_the_link_decides(net, monkeypatch):
    a = net.nodes["a"]

    async def silent(name, request, timeout=10.0):
        raise RegistryUnreachable

    monkeypatch.setattr(a.registry, "verb", silent)
    assert (await a.call(ask())).value == b"1"


async def test_a_login_that_returns_moves_what_waited_too_long(net):
    a = net.nodes["a"]
    net.cut("a", "b", keep=True)
    a.registry.up = False
    call = asyncio.create_task(a.call(ask(timeout=600)))
    await asyncio.sleep(0)
    net.world.advance(20)
    assert not call.done()
    a.registry.up = True
    a.registry.on_state(True)
    with pytest.raises(MeshError) as raised:
        await call
    assert raised.value.code == "unavailable"
