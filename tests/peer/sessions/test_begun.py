"""A call with no task ends as one in a task does: value, error, queue, or left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import DeadlineExceeded, SkillFailed, TooLarge
from chatixia.testing.network import Network
from chatixia.wire.base import MIB
from chatixia.wire.peer import SkillInfo
from tests.peer.test_mesh import Skills


class Waiter:
    """Hears that a call is over, at once."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    def done(self) -> bool:
        return self.told.is_set()

    def set_result(self, result: None) -> None:
        assert not self.told.is_set()
        self.told.set()


def out(skill: str = "echo", body: bytes = b'{"x":1}', **kw: Any) -> Outgoing:
    return Outgoing("b", skill, body, **kw)


class Two:
    """Agents a and b; ``link`` opens one between them."""

    async def __aenter__(self) -> Two:
        self.net, self.skills = Network(), Skills()
        for name in ("a", "b"):
            served = [SkillInfo(skill) for skill in ("echo", "fail", "hang")]
            self.net.node(name).serve(self.skills, served, 8)
        self.a = self.net.nodes["a"]
        await self.net.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.net.stop()

    async def begin(self, outgoing: Outgoing) -> tuple[Any, Waiter]:
        await self.a.ping("b")
        waiter = Waiter()
        begun = self.a.begin(outgoing, waiter)
        assert begun is not None
        return begun, waiter


async def test_its_answer_is_that_of_a_call():
    async with Two() as two:
        begun, waiter = await two.begin(out())
        await waiter.told.wait()
        answer, other = begun.answer(), await two.a.call(out())
        assert answer.ms > 0 and other.ms > 0
        answer.ms = other.ms = 0
        assert answer == other


async def test_its_error_is_raised():
    async with Two() as two:
        begun, waiter = await two.begin(out("fail"))
        await waiter.told.wait()
        with pytest.raises(SkillFailed):
            begun.answer()
        begun, waiter = await two.begin(out("hang", timeout=0.05))
        await waiter.told.wait()
        with pytest.raises(DeadlineExceeded):
            begun.answer()


async def test_one_that_is_left_is_cancelled_there():
    async with Two() as two:
        begun, waiter = await two.begin(out("hang", key="k"))
        await two.skills.started.wait()
        begun.leave()
        await two.a.call(out())
        assert two.skills.cancelled == ["k"] and not waiter.done()


async def test_one_that_leaves_the_link_is_answered_by_the_queue():
    async with Two() as two:
        begun, waiter = await two.begin(out("hang"))
        sink: list[Any] = []
        begun._peer.calls.move(begun._pending, sink)
        begun._peer.channel.perform(sink)
        await waiter.told.wait()
        assert begun.answer() is None

        async def queued(peer: Any, pending: Any) -> CallAnswer:
            assert (peer, pending) == (begun._peer, begun._pending)
            return CallAnswer(b"1", "queue, plain", 1.0, "b")

        begun._queued = queued
        assert (await begun.queued()).via == "queue, plain"


async def test_it_is_begun_over_an_open_link_alone_and_refused_before_it_is_sent():
    async with Two() as two:
        assert two.a.begin(out(), Waiter()) is None
        await two.a.ping("b")
        assert two.a.begin(out(queue="only"), Waiter()) is None
        assert two.a.begin(out(timeout=0), Waiter()) is None
        with pytest.raises(TooLarge):
            two.a.begin(out(body=b'"%s"' % (b"x" * 17 * MIB)), Waiter())
