"""Tasks and futures around calls; what passes between two meshes is in test_mesh."""

import asyncio
import sys
from contextvars import ContextVar

import pytest

from chatixia.core.call import Calls
from chatixia.core.exchange import CallOverdue, PendingCall, PongReceived
from chatixia.core.ports import Outgoing
from chatixia.core.streams import Outflow
from chatixia.core.timers import TimerWheel
from chatixia.errors import MeshError, Overloaded
from chatixia.peer.sessions.channel import SessionChannel
from chatixia.peer.sessions.dispatch import EAGER, CallDispatcher, resolve, stop, wake
from chatixia.testing import network
from chatixia.testing.clock import FakeWorld
from chatixia.testing.network import Network
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack
from chatixia.wire.peer import CAPABILITIES, SkillInfo


class Side:
    """What serves, with one request at its door."""

    def __init__(self, handler, stream=False):
        loop = asyncio.get_running_loop()
        world = FakeWorld()
        asker = Calls("a", "b", TimerWheel())
        self.calls = Calls("b", "a", TimerWheel())
        self.channel = SessionChannel(self.calls, world, world, loop)
        self.perform = CallDispatcher()
        self.perform.handler = handler
        asker.ask(Outgoing("b", "s", stream=stream), "r", world.now)
        came, self.sink = [], []
        self.calls.session.receive(asker.session.build(), world.now, came)
        self.calls.handle(came, world.now, self.sink)

    def run(self):
        (served,) = self.sink
        self.perform(self.channel, self.sink)
        return served


async def test_a_request_that_does_not_suspend_costs_no_turn():
    async def handler(incoming, responder):
        responder.reply(b"1")

    side = Side(handler)
    served = side.run()
    if sys.version_info >= (3, 12):
        assert EAGER and served.answer is not None
    await asyncio.sleep(0)
    assert served.answer is not None
    await side.perform.stop()


async def test_a_handler_that_hands_on_gives_a_future_and_costs_no_task():
    given, tasks = asyncio.get_running_loop().create_future(), len(asyncio.all_tasks())
    responders = []

    def handler(incoming, responder):
        responders.append(responder)
        return given

    side = Side(handler)
    served = side.run()
    assert served.task is given and len(asyncio.all_tasks()) == tasks
    assert list(side.perform.tasks) == [given]
    responders[0].reply(b"1")
    given.set_result(None)
    await asyncio.sleep(0)
    assert served.answer is not None and not side.perform.tasks


async def test_what_it_refuses_at_once_is_the_answer():
    def handler(incoming, responder):
        raise Overloaded("full")

    side = Side(handler)
    assert b'"busy"' in (side.run().answer or b"") and not side.perform.tasks


async def test_a_future_is_cancelled_with_its_request_and_by_a_stop():
    loop = asyncio.get_running_loop()
    given = [loop.create_future(), loop.create_future()]
    first, second = (Side(lambda incoming, responder, one=one: one) for one in given)
    stop(first.run())
    second.run()
    await second.perform.stop()
    assert all(one.cancelled() for one in given)


@pytest.mark.parametrize("suspends", [False, True])
@pytest.mark.parametrize("end", ["raises", "silent", "cancelled"])
async def test_a_handler_without_an_answer_is_answered_for(end, suspends):
    async def handler(incoming, responder):
        if suspends:
            await asyncio.sleep(0)
        if end == "raises":
            raise ValueError("a secret")
        if end == "cancelled":
            raise asyncio.CancelledError

    side = Side(handler)
    served = side.run()
    for _ in range(4):
        await asyncio.sleep(0)
    code = b"unavailable" if end == "cancelled" else b"skill_failed"
    assert code in served.answer and b"secret" not in served.answer
    assert not side.perform.tasks


async def test_what_was_cancelled_from_inside_is_not_said_to_be_its_callers_wish():
    """modelcontextprotocol/python-sdk#521, openai/openai-agents-python#1288: a cancel scope that is
    left in another task cancels its host."""

    async def leaking(incoming, responder):
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
        await asyncio.Event().wait()

    side = Side(leaking)
    served = side.run()
    for _ in range(5):
        await asyncio.sleep(0)
    assert b'"code":"unavailable"' in served.answer and b'"outcome":"unknown"' in served.answer
    assert b"inside the agent" in served.answer


SEEN: ContextVar[str] = ContextVar("SEEN", default="nothing")


async def test_a_request_sees_no_other_requests_context():
    """Neither that of whoever opened the link, nor what an earlier request set."""
    seen = []

    async def handler(incoming, responder):
        seen.append(SEEN.get())
        SEEN.set("an earlier request")
        responder.reply(b"1")

    side = Side(handler)
    SEEN.set("who opened the link")
    served = side.run()
    await asyncio.sleep(0)
    assert served.answer is not None and seen == ["nothing"]


async def test_a_request_that_was_here_before_is_answered_by_who_has_it():
    async def handler(incoming, responder):
        responder.reply(b"1")

    async def other(incoming, responder):
        responder.reply(b"2")

    for follow, answer in ((lambda incoming: None, b'"result":1'), (lambda incoming: other, b":2")):
        side = Side(handler)
        side.perform.follow = follow
        served = side.run()
        await asyncio.sleep(0)
        assert answer in served.answer
        await side.perform.stop()


async def test_stop_cancels_what_runs():
    ended = []

    async def handler(incoming, responder):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(incoming.request_id)

    side = Side(handler)
    side.run()
    await asyncio.sleep(0)
    await side.perform.stop()
    assert ended == ["r"]


async def test_an_item_waits_for_credit():
    sent = []

    async def handler(incoming, responder):
        for n in range(3):
            await responder.item(b'"' + b"x" * 40_000 + b'"')
            sent.append(n)
        responder.reply(b"null")

    side = Side(handler, stream=True)
    served = side.run()
    await asyncio.sleep(0)
    assert sent == [0]
    served.flow.allowed += 200_000
    side.perform(side.channel, [served.flow])
    await asyncio.sleep(0)
    assert sent == [0, 1, 2]
    await side.perform.stop()


async def test_whoever_waits_is_woken_once():
    loop = asyncio.get_running_loop()
    flow, pending = Outflow(), PendingCall("r", None, Outgoing("b"), b"", 0, 1.0, 0.0)
    flow.waiter = pending.waiter = waiter = loop.create_future()
    wake(flow)
    wake(flow)
    resolve(pending)
    assert waiter.done()


async def test_pongs_and_late_calls_reach_who_waits():
    perform, late = CallDispatcher(), []
    perform.on_late = late.append
    perform.pongs["p"] = waiter = asyncio.get_running_loop().create_future()
    pending = PendingCall("r", None, Outgoing("b"), b"", 0, 1.0, 0.0)
    perform(None, [PongReceived("p"), PongReceived("p"), CallOverdue(pending)])
    assert waiter.done() and late == [pending]


def told(n):
    """Item or event ``n`` of the agent that tells."""
    if n % 3:
        return b"%d" % n, b""
    return EMPTY_ITEM, pack(AgentEvent("thinking", text=f"{n} " + "x" * 2000))


async def telling(incoming, responder):
    count = int(bytes(incoming.body))
    if count < 0:
        await responder.item(EMPTY_ITEM, event=b'"%s"' % (b"x" * -count))
    for n in range(count):
        item, event = told(n)
        await responder.item(item, event=event)
    responder.reply(b"null")


async def answered(count, **weather):
    """The items and events of that many, and how many the stream says have come."""
    net = Network(**weather)
    a, b = net.node("a"), net.node("b")
    b.serve(telling, [SkillInfo("tell")], 4)
    await net.start()
    try:
        stream = a.stream(Outgoing("b", "tell", b"%d" % count, timeout=600))
        return [(bytes(item), stream.event) async for item in stream], stream.arrived
    finally:
        await net.stop()


async def test_events_come_in_their_place_among_the_items_in_any_weather():
    came, arrived = await answered(30, seed=5, loss=0.3, reorder=0.3, duplicate=0.2)
    assert came == [told(n) for n in range(30)]
    assert arrived == 30


@pytest.mark.parametrize("without", [(), ("events/1",)])
async def test_many_events_wait_for_credit_and_a_peer_without_them_counts_none(
    monkeypatch, without
):
    names = frozenset(CAPABILITIES) - {*without}
    monkeypatch.setattr(network, "CAPABILITIES", tuple(names))
    came, _ = await answered(300)
    assert [item for item, _ in came] == [told(n)[0] for n in range(300)]


async def test_an_event_beyond_its_bound_is_not_taken():
    with pytest.raises(MeshError):
        await answered(-4096)
