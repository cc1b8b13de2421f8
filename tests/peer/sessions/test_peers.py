"""The table of peers: bounded, shared out, and rid of who is gone."""

import asyncio
import gc

import pytest

from chatixia.core.exchange import ServedRequest
from chatixia.core.ports import Outgoing
from chatixia.core.session import PeerSession
from chatixia.errors import Overloaded
from chatixia.wire.messages import TaskAnswer
from tests.peer.sessions.calls import ask


async def test_peers_of_one_machine_leave_room_for_others(net):
    a = net.nodes["a"]
    a.peers.shares.total = 16
    for n in range(12):
        a.peers.open(f"g{n}", "greedy").channel.path = object()  # in use
    with pytest.raises(Overloaded) as raised:
        a.peers.open("g12", "greedy")
    assert raised.value.retry_after
    a.peers.open("honest", "honest")
    a.peers["g3"].channel.path = None
    assert a.peers.open("g12", "greedy") and "g3" not in a.peers and "honest" in a.peers
    assert a.peers.shares.by_holder == {"greedy": 12, "honest": 1}
    for known in a.peers:
        known.channel.path = None


async def test_peers_are_bounded_and_idle_ones_make_room(net):
    a = net.nodes["a"]
    a.peers.shares.total = 1
    await a.call(ask())
    with pytest.raises(Overloaded):
        a.peers.open("c")
    net.world.advance(1)
    net.cut("a", "b")
    assert a.peers.open("c") and "b" not in a.peers


async def test_a_peer_that_is_gone_leaves_nothing_unless_in_use(net):
    a = net.nodes["a"]
    assert a.peers.forget("nobody")
    call = asyncio.create_task(a.call(ask()))
    await asyncio.sleep(0)
    assert not a.peers.forget("b")  # a path and a call
    await call
    known = id(a.peers["b"].calls.session)
    gc.collect()
    gc.disable()  # nothing of it may wait for the collector, which comes seldom
    try:
        assert known in sessions()
        net.kill("b")
        await asyncio.sleep(0)
        assert a.peers.forget("b") and "b" not in a.peers
        net.world.advance(1)  # its timers end by themselves
        await asyncio.sleep(0)
        assert known not in sessions()
    finally:
        gc.enable()


def sessions() -> set[int]:
    return {id(each) for each in gc.get_objects() if isinstance(each, PeerSession)}


@pytest.mark.parametrize(("name", "goes"), [("b", False), ("c~abcdef", True)])
async def test_answers_are_kept_for_an_agent_that_may_come_back(net, name, goes):
    """And not for a client: its id does not."""
    asker = net.nodes.get(name) or net.node(name)
    await asker.start() if goes else None
    a = net.nodes["a"]
    await asker.call(Outgoing("a", "echo", b"1"))
    calls = a.peers[name].calls
    # The last answer is never acknowledged: its asker is gone.
    served = ServedRequest("r", calls, TaskAnswer, None, net.world.monotonic() + 5, answer=b"1")
    calls.served["r"] = served
    calls.account.keep(1)
    net.kill(name)
    assert a.peers.forget(name) == goes
    assert (calls._room.answer_bytes == 0) == goes
    net.world.advance(100)
    calls.sweep(net.world.monotonic())
    assert a.peers.forget(name) and calls._room.answer_bytes == 0


async def test_sessions_are_in_the_one_table_of_peers_and_make_room_there(net):
    a = net.nodes["a"]
    records = a.peers._records
    a.peers.open("c")
    assert [record.id for record in records] == ["c"]
    records._limit = 1
    assert a.peers.open("d") and "c" not in a.peers and len(records) == 1
    records.get("d").link = "in use"
    with pytest.raises(Overloaded):
        a.peers.open("e")
    assert a.peers.forget("d") and records.get("d").session is None
