"""What the link driver reports, and what that does to the sessions."""

import asyncio
import gc
import weakref

import pytest

from chatixia.core.ports import Outgoing
from chatixia.errors import BadRequest, Denied, RegistryUnreachable
from chatixia.wire.peer import CAPABILITIES, SkillInfo
from tests.peer.sessions.calls import ask, echo


async def test_idle_is_what_may_close(net):
    a = net.nodes["a"]
    await a.call(ask())
    net.world.advance(0.1)
    assert a.listener.idle("b")
    call = asyncio.create_task(a.call(ask()))
    await asyncio.sleep(0)
    assert not a.listener.idle("b")
    await call


async def test_the_verdict_gone_is_for_one_process(net):
    a = net.nodes["a"]
    await a.call(ask())
    a.listener.departed("b", "another process")
    a.listener.departed("nobody", "x")
    assert a.links()
    a.listener.departed("b", net.nodes["b"].incarnation)
    assert not a.links()


async def test_of_who_came_by_itself_nothing_is_kept_once_it_is_gone(net):
    """Else whoever signs names without end has ten kilobytes for each, for two minutes."""
    a, b = net.nodes["a"], net.nodes["b"]
    await a.call(ask())
    net.world.advance(0.1)  # the answer is acknowledged
    a.peers["b"].holder, b.peers["a"].holder = "", "machine"
    a.listener.departed("b", b.incarnation)
    assert "b" in a.peers  # whom this process called: the next call knows that it was away
    b.listener.departed("a", a.incarnation)
    assert "a" not in b.peers


async def test_a_refusal_of_no_consequence_lets_calls_wait(net):
    a = net.nodes["a"]
    net.cut("a", "b", keep=True)
    call = asyncio.create_task(a.call(ask(timeout=3, queue="never")))
    await asyncio.sleep(0)
    a.listener.refused("b", RegistryUnreachable("for now"))
    net.heal("a", "b")
    assert (await call).value == b"1"


async def test_a_link_that_opens_forgets_the_refusal(net):
    a = net.nodes["a"]
    a.listener.refused("b", Denied("No."))
    with pytest.raises(Denied):
        await a.call(ask())
    net.heal("a", "b")
    while not a.links():
        await asyncio.sleep(0)
    assert (await a.call(ask())).value == b"1"


async def test_what_is_remembered_of_a_refusal_holds_nothing_that_it_passed(net):
    """A frame of it is that of the path, whose connection has 50 kB of the engine's memory."""

    class Connection:
        pass

    def refuse():
        connection = Connection()
        left.append(weakref.ref(connection))
        raise BadRequest("This hello is none.")

    a, left = net.nodes["a"], []
    try:
        refuse()
    except BadRequest as error:
        a.listener.refused("b", error)
    gc.collect()
    assert left[0]() is None


async def test_the_path_of_an_old_process_brings_nothing_into_the_new_session(net):
    a = net.nodes["a"]
    await a.call(ask())
    (old,) = net.paths_of("a")
    node = net.nodes.pop("b")
    fresh = net.node("b")
    fresh.serve(echo, [SkillInfo("echo")], 2)
    await fresh.start()
    reader = old.on_message
    a.listener.attach("b", fresh.incarnation, _Silent(), 0)
    assert old.dead and old.on_message is not reader
    await node.stop()


class _Silent:
    """A path on which nobody answers."""

    tier, where, holder, link_ms, max_message, buffered = "direct", "", "", None, 262_144, 0
    capabilities, trust = frozenset(CAPABILITIES), "owner"

    def tell(self, data):
        return False

    def on_datagram(self, reader):
        pass

    on_message = on_low = None
    frame_at = 0.0

    def send(self, data):
        pass

    def close(self, why):
        pass


async def test_a_probe_times_the_round_trip(net):
    a = net.nodes["a"]
    await a.call(ask())
    assert a.listener.round_trip("b") is None and a.listener.round_trip("nobody") is None
    a.listener.probe("b")
    first = a.peers["b"].probed[0]
    while a.listener.round_trip("b") is None:
        await asyncio.sleep(0)
    assert a.listener.round_trip("b") >= 0
    # A pong of an older probe, or of nobody's, times nothing.
    a.peers["b"].round_trip, a.peers["b"].probed = None, ("another b", 0.0)
    a.listener.ponged(first)
    a.listener.ponged("x nobody")
    assert a.listener.round_trip("b") is None


async def test_a_peer_that_came_back_is_waited_for_again(net):
    a = net.nodes["a"]
    await a.call(ask())
    net.kill("b")
    assert a.peers["b"].history.listed is False  # calls take the queue
    a.listener.present("b")
    a.listener.present("nobody")
    assert a.peers["b"].history.listed is None


async def test_calls_of_a_link_are_counted_both_ways(net):
    a, b = net.nodes["a"], net.nodes["b"]
    assert a.listener.calls("b") == 0
    await asyncio.gather(*(a.call(ask()) for _ in range(3)))
    for _ in range(2):
        await a.call(ask())
    await b.call(Outgoing("a", "echo", b"1"))
    assert a.listener.calls("b") == b.listener.calls("a") == 6
    net.cut("a", "b")
    await a.call(ask())
    assert a.listener.calls("b") == b.listener.calls("a") == 1
