"""The registry's own queue, without a socket or a disk."""

from __future__ import annotations

import msgspec
import pytest

from chatixia.errors import UnknownAgent
from chatixia.ids import AgentId
from chatixia.testing.clock import FakeWorld
from chatixia.testing.queue import MemoryQueue
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskDone, TaskPush
from chatixia.world import task_id

PLAIN = msgspec.Raw(b'{"plain":{"x":1}}')
ME, BOB = AgentId("pi~aaaaaa"), AgentId("bob")


class Made:
    """A queue with a client and a worker, and what was pushed to each."""

    async def __aenter__(self) -> Made:
        self.world = FakeWorld(1)
        self.queue = MemoryQueue(self.world)
        self.world.writing = lambda: self.queue.busy
        await self.queue.start()
        self.mine: list[msgspec.Struct] = []
        self.bobs: list[msgspec.Struct] = []
        self.queue.login(ME, "1", self.mine.append)
        self.queue.login(BOB, "1", self.bobs.append)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.queue.stop()
        self.world.stop()

    async def submit(self) -> str:
        said = t.Submit(
            id=task_id(self.world),
            skill="echo",
            target_agent_id="bob",
            payload=PLAIN,
            deadline_ms=3_600_000,
        )
        return str((await self.queue.verb(ME, "tasks.submit", said)).task_id)

    async def until(self, pushes: list[msgspec.Struct], kind: type) -> msgspec.Struct:
        from asyncio import sleep

        while not (found := [push for push in pushes if isinstance(push, kind)]):
            await sleep(0)
        return found[-1]


async def test_a_cycle():
    async with Made() as made:
        made.queue.offer(BOB, 1, frozenset(("echo",)))
        name = await made.submit()
        push = await made.until(made.bobs, TaskPush)
        assert isinstance(push, TaskPush) and push.task.id == name
        done = t.Complete(name, push.fence, t.Body(plain=msgspec.Raw(b"2")))
        assert (await made.queue.verb(BOB, "tasks.complete", done)).state == "completed"
        told = await made.until(made.mine, TaskDone)
        assert isinstance(told, TaskDone) and told.task.id == name
        assert made.queue.busy == 0


async def test_a_process_that_is_gone_has_five_seconds_to_return():
    async with Made() as made:
        made.queue.offer(BOB, 1, frozenset(("echo",)))
        name = await made.submit()
        push = await made.until(made.bobs, TaskPush)
        assert isinstance(push, TaskPush)
        await made.queue.verb(BOB, "tasks.started", t.Held(name, push.fence))
        began = made.world.now
        made.queue.logout(BOB, clean=False)
        again: list[msgspec.Struct] = []
        made.queue.login(BOB, "2", again.append)
        made.queue.offer(BOB, 1, frozenset(("echo",)))
        push = await made.until(again, TaskPush)
        assert isinstance(push, TaskPush) and push.attempt == 2
        assert made.world.now - began >= 5


async def test_who_is_no_member_gets_no_work_and_no_push():
    async with Made() as made:
        with pytest.raises(UnknownAgent):
            said = t.Submit(skill="echo", target_agent_id="nobody")
            await made.queue.verb(ME, "tasks.submit", said)
        assert made.queue.push(AgentId("nobody"), TaskDone(t.Task("t", "completed"))) is False
        assert made.queue.push(BOB, TaskDone(t.Task("t", "completed")), epoch="9") is False
        made.queue.offer(ME, 1, frozenset())  # a client takes no work
        made.queue.offer(AgentId("nobody"), 1, frozenset())
        made.queue.logout(AgentId("nobody"), clean=True)
        assert made.queue.serves("tasks.submit") and not made.queue.serves("agents.list")
