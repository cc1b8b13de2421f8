"""What the link driver and the directory tell; calls themselves are in test_mesh."""

import asyncio
import gc

import pytest

from chatixia.core.exchange import ServedRequest
from chatixia.core.ports import Outgoing
from chatixia.core.session import PeerSession
from chatixia.errors import Denied, MeshError, Overloaded, RegistryUnreachable, Unreachable
from chatixia.testing.network import Network
from chatixia.wire.messages import TaskAnswer
from chatixia.wire.peer import SkillInfo


async def echo(incoming, responder):
    responder.reply(bytes(incoming.body))


@pytest.fixture
async def net():
    made = Network()
    for name in ("a", "b"):
        made.node(name).serve(echo, [SkillInfo("echo")], 2)
    await made.start()
    yield made
    await made.stop()


def ask(**kw):
    return Outgoing("b", "echo", b"1", **kw)


async def test_who_gets_no_link_hears_the_likely_cause(net):
    a = net.nodes["a"]
    net.cut("a", "b", keep=True)
    a._links.likely = lambda peer: f"no answer over UDP from {peer}"
    for asked in (a.call(ask(queue="never", timeout=2.0)), a.ping("b", 2.0)):
        with pytest.raises(Unreachable) as caught:
            await asked
        assert caught.value.message.endswith("no answer over UDP from b.")


async def test_idle_is_what_may_close(net):
    a = net.nodes["a"]
    await a.call(ask())
    net.world.advance(0.1)
    assert a.idle("b")
    call = asyncio.create_task(a.call(ask()))
    await asyncio.sleep(0)
    assert not a.idle("b")
    await call


async def test_the_verdict_gone_is_for_one_process(net):
    a = net.nodes["a"]
    await a.call(ask())
    a.departed("b", "another process")
    a.departed("nobody", "x")
    assert a.links()
    a.departed("b", net.nodes["b"].incarnation)
    assert not a.links()


async def test_a_refusal_of_no_consequence_lets_calls_wait(net):
    a = net.nodes["a"]
    net.cut("a", "b", keep=True)
    call = asyncio.create_task(a.call(ask(timeout=3, queue="never")))
    await asyncio.sleep(0)
    a.refused("b", RegistryUnreachable("for now"))
    net.heal("a", "b")
    assert (await call).value == b"1"


async def test_a_link_that_opens_forgets_the_refusal(net):
    a = net.nodes["a"]
    a.refused("b", Denied("No."))
    with pytest.raises(Denied):
        await a.call(ask())
    net.heal("a", "b")
    while not a.links():
        await asyncio.sleep(0)
    assert (await a.call(ask())).value == b"1"


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

    monkeypatch.setattr(a._registry, "verb", silent)
    assert (await a.call(ask())).value == b"1"


async def test_peers_of_one_machine_leave_room_for_others(net):
    a = net.nodes["a"]
    a._shares.total = 16
    for n in range(12):
        a._peer(f"g{n}", "greedy").channel.path = object()  # in use
    with pytest.raises(Overloaded) as raised:
        a._peer("g12", "greedy")
    assert raised.value.retry_after
    a._peer("honest", "honest")
    a._peers["g3"].channel.path = None
    assert a._peer("g12", "greedy") and "g3" not in a._peers and "honest" in a._peers
    assert a._shares.held == {"greedy": 12, "honest": 1}
    for known in a._peers.values():
        known.channel.path = None


async def test_peers_are_bounded_and_idle_ones_make_room(net):
    a = net.nodes["a"]
    a._shares.total = 1
    await a.call(ask())
    with pytest.raises(Overloaded):
        a._peer("c")
    net.world.advance(1)
    net.cut("a", "b")
    assert a._peer("c") and "b" not in a._peers


async def test_a_login_that_returns_moves_what_waited_too_long(net):
    a = net.nodes["a"]
    net.cut("a", "b", keep=True)
    a._registry.up = False
    call = asyncio.create_task(a.call(ask(timeout=600)))
    await asyncio.sleep(0)
    net.world.advance(20)
    assert not call.done()
    a._registry.up = True
    a._registry.on_state(True)
    with pytest.raises(MeshError) as raised:
        await call
    assert raised.value.code == "unavailable"


async def test_the_path_of_an_old_process_brings_nothing_into_the_new_session(net):
    a = net.nodes["a"]
    await a.call(ask())
    (old,) = net.paths_of("a")
    node = net.nodes.pop("b")
    fresh = net.node("b")
    fresh.serve(echo, [SkillInfo("echo")], 2)
    await fresh.start()
    reader = old.on_message
    a.attach("b", fresh.incarnation, _Silent(), 0)
    assert old.dead and old.on_message is not reader
    await node.stop()


class _Silent:
    """A path on which nobody answers."""

    tier, where, holder, link_ms, max_message, buffered = "direct", "", "", None, 262_144, 0
    on_message = on_low = None

    def send(self, data):
        pass

    def close(self, why):
        pass


async def test_a_probe_times_the_round_trip(net):
    a = net.nodes["a"]
    await a.call(ask())
    assert a.round_trip("b") is None and a.round_trip("nobody") is None
    a.probe("b")
    first = a._peers["b"].probed[0]
    while a.round_trip("b") is None:
        await asyncio.sleep(0)
    assert a.round_trip("b") >= 0
    # A pong of an older probe, or of nobody's, times nothing.
    a._peers["b"].round_trip, a._peers["b"].probed = None, ("another b", 0.0)
    a._ponged(first)
    a._ponged("x nobody")
    assert a.round_trip("b") is None


async def test_a_peer_that_is_gone_leaves_nothing_unless_in_use(net):
    a = net.nodes["a"]
    assert a.forget("nobody")
    call = asyncio.create_task(a.call(ask()))
    await asyncio.sleep(0)
    assert not a.forget("b")  # a path and a call
    await call
    known = id(a._peers["b"].calls.session)
    gc.collect()
    gc.disable()  # nothing of it may wait for the collector, which comes seldom
    try:
        assert known in sessions()
        net.kill("b")
        await asyncio.sleep(0)
        assert a.forget("b") and "b" not in a._peers
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
    calls = a._peers[name].calls
    # The last answer is never acknowledged: its asker is gone.
    served = ServedRequest("r", calls, TaskAnswer, None, net.world.monotonic() + 5, answer=b"1")
    calls.served["r"] = served
    calls.account.keep(1)
    net.kill(name)
    assert a.forget(name) == goes
    assert (calls._room.kept == 0) == goes
    net.world.advance(100)
    calls.sweep(net.world.monotonic())
    assert a.forget(name) and calls._room.kept == 0


async def test_a_peer_that_came_back_is_waited_for_again(net):
    a = net.nodes["a"]
    await a.call(ask())
    net.kill("b")
    assert a._peers["b"].history.listed is False  # calls take the queue
    a.present("b")
    a.present("nobody")
    assert a._peers["b"].history.listed is None


async def test_calls_of_a_link_are_counted_both_ways(net):
    a, b = net.nodes["a"], net.nodes["b"]
    assert a.calls("b") == 0
    await asyncio.gather(*(a.call(ask()) for _ in range(3)))
    for _ in range(2):
        await a.call(ask())
    await b.call(Outgoing("a", "echo", b"1"))
    assert a.calls("b") == b.calls("a") == 6
    net.cut("a", "b")
    await a.call(ask())
    assert a.calls("b") == b.calls("a") == 1
