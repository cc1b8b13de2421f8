"""A worker of the queue on a bench: its registry answers as told, its clock is set by hand."""

import asyncio

from chatixia.peer.tasks import worker
from chatixia.testing.clock import FakeWorld
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskPush
from tests.until import turns


class Book:
    """A registry that answers as told and remembers what it was asked."""

    up, access = True, None

    def __init__(self):
        self.asked, self.errors = [], {}

    async def verb(self, name, request, timeout=10.0):
        self.asked.append((name, request))
        await asyncio.sleep(0)
        errors = self.errors.get(name)
        if errors:
            raise errors.pop(0)
        return t.Renewed([]) if name == "tasks.renew" else t.Grants([])

    def names(self):
        return [name for name, _ in self.asked]


class Bench:
    """A worker, its registry's words, and a clock by hand."""

    def __init__(self, handler, slots=2):
        self.world, self.book = FakeWorld(), Book()
        self.worker = worker.QueueWorker(
            "b", self.book, self.world, self.world, lambda: self.world.now
        )
        self.worker.serve(handler, ["echo"], slots)

    def push(self, name="t1", fence="f1", skill="echo", target="", age=0.0, **kw):
        given = self.world.now - age
        task = t.Task(
            name, "assigned", skill, target, "a", deadline_ms=60_000, updated_at=given, **kw
        )
        self.worker.pushed(TaskPush(task, t.LEASE_MS, fence, 1))

    async def begin(self, name="t1", **kw):
        """Push it, and go on when its skill runs: from Python 3.12 on that is at once."""
        self.push(name, **kw)
        lease = self.worker.leases.in_hand.get(name)
        await turns(lambda: lease is None or lease.begun or lease.run.done())

    def told(self, verb):
        """Under which fences the registry was told that."""
        return [said.fence for name, said in self.book.asked if name == verb]

    async def stop(self):
        await self.worker.stop()
        self.world.stop()


async def hang(incoming, responder):
    await asyncio.Event().wait()


async def answer(incoming, responder):
    responder.reply(b"1")


class Runs:
    """A handler that counts what is started, and answers at ``end``."""

    def __init__(self, stubborn=False):
        self.seen, self.end, self.stubborn = [], asyncio.Event(), stubborn

    async def __call__(self, incoming, responder):
        self.seen.append(incoming.fence)
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            if not self.stubborn:
                raise
            await self.end.wait()
        responder.reply(b"1")
