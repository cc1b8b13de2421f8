"""Round trips: over the link that is open, over one that opens for them, or not at all."""

import asyncio

import pytest

from chatixia.errors import Unreachable
from tests.peer.sessions.calls import ask


async def test_a_ping_opens_the_link_and_says_which_way_it_went(net):
    a = net.nodes["a"]
    first, again = await a.ping("b"), await a.ping("b")
    assert (first.agent, first.via, again.via) == ("b", "direct", "direct")
    assert len(a._pings) == 0 and not a.dispatcher.pongs


async def test_who_gives_up_waits_for_no_pong_any_more(net):
    a = net.nodes["a"]
    await a.call(ask())
    waiting = asyncio.create_task(a.ping("b"))
    await asyncio.sleep(0)
    assert len(a._pings) == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(a._pings) == 0


async def test_without_a_link_it_ends_in_its_time(net):
    a = net.nodes["a"]
    net.cut("a", "b", keep=True)
    with pytest.raises(Unreachable, match="No link to b opened in time"):
        await a.ping("b", 2.0)
    assert len(a._pings) == 0
