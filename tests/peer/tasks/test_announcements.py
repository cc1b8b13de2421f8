"""What the registry fanned out is given to the agent, and confirmed once."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from chatixia.errors import Overloaded, SkillFailed
from chatixia.peer.tasks.announcements import AT_ONCE, MOST_TASKS, AnnouncementReceiver
from chatixia.testing.clock import FakeWorld
from chatixia.wire.peer import Prompt
from chatixia.wire.signaling import Announcement


class Registry:
    def __init__(self):
        self.told = []
        self.news = asyncio.Event()

    async def verb(self, name, request, timeout=10.0):
        assert name == "announce.received"
        self.told.append((request.id, request.code))
        self.news.set()

    async def until(self, count):
        while len(self.told) < count:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 5)


@pytest.fixture
async def bench():
    registry = Registry()
    receiver = AnnouncementReceiver(registry, FakeWorld())
    yield receiver, registry
    await receiver.stop()


async def test_it_comes_as_a_prompt_in_clear_and_is_confirmed(bench):
    receiver, registry = bench
    seen = []

    async def handler(incoming, responder):
        seen.append(incoming)
        await responder.item(b"1")
        responder.progress(0.5, "")
        responder.reply(b"null")

    receiver.handler = handler
    receiver.pushed(Announcement("a1", "pi~abcdef", "hi"))
    await registry.until(1)
    assert registry.told == [("a1", "")]
    (incoming,) = seen
    assert (incoming.caller, incoming.via, incoming.holder) == (
        "pi~abcdef",
        "registry, plain",
        "pi",
    )
    prompt = msgspec.json.decode(incoming.body, type=Prompt)
    assert prompt.message == "hi" and prompt.broadcast and prompt.ack


@pytest.mark.parametrize("error", [None, Overloaded(), SkillFailed()])
async def test_what_was_not_taken_says_why(bench, error):
    receiver, registry = bench

    async def handler(incoming, responder):
        if error is not None:
            raise error

    receiver.handler = handler
    receiver.pushed(Announcement("a1", "b", "hi"))
    await registry.until(1)
    assert registry.told == [("a1", error.code if error else "skill_failed")]


async def test_so_many_at_once_and_no_more(bench):
    receiver, registry = bench
    over = asyncio.Event()

    async def handler(incoming, responder):
        await over.wait()
        responder.reply(b"null")

    receiver.pushed(Announcement("early", "b", "hi"))  # nobody serves yet
    receiver.handler = handler
    for n in range(AT_ONCE + 2):
        receiver.pushed(Announcement(f"a{n}", "b", "hi"))
    await registry.until(2)
    assert {code for _, code in registry.told} == {"busy"}
    for n in range(10 * MOST_TASKS):
        receiver.pushed(Announcement(f"b{n}", "b", "hi"))
    assert len(receiver._tasks) <= MOST_TASKS
    over.set()
