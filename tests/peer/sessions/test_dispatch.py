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
from chatixia.peer.sessions.channel import SessionChannel
from chatixia.peer.sessions.dispatch import EAGER, CallDispatcher, resolve, wake
from chatixia.testing.clock import FakeWorld


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
