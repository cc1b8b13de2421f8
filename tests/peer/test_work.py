"""The queue's worker on a real registry: slots, leases, fences, reports."""

import asyncio
import time

import pytest

from chatixia.errors import MeshError
from chatixia.peer import work
from chatixia.testing.clock import FakeWorld
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskHint, TaskPush
from tests.peer.meshes import queued, two


async def test_what_a_handler_is_told():
    seen = []

    async def look(incoming, responder):
        seen.append(incoming)
        responder.reply(b"1")

    async with two(look) as (_, a, _b):
        await a.call(queued("b", path=("z",)))
    (told,) = seen
    assert (told.caller, told.skill, told.via, told.attempt) == ("a", "echo", "queue, plain", 1)
    assert told.path == ("z", "a") and told.fence and told.task_id == told.key


async def test_a_worker_holds_no_more_than_its_slots():
    now, most = 0, 0

    async def count(incoming, responder):
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(50):  # room for one too many
            await asyncio.sleep(0)
        now -= 1
        responder.reply(b"1")

    async with two(count, slots=2) as (_, a, _b):
        await asyncio.gather(*(a.call(queued("b")) for _ in range(12)))
    assert most == 2


@pytest.mark.parametrize("kind", ["raises", "silent", "too large", "hops"])
async def test_each_end_is_reported(kind):
    async def handler(incoming, responder):
        if kind == "raises":
            raise ValueError("a secret")
        if kind == "too large":
            responder.reply(b'"' + b"x" * t.MAX_PAYLOAD + b'"')

    async with two(handler) as (_, a, _b):
        path = tuple("abcdefgh"[1:]) if kind == "hops" else ()
        with pytest.raises(MeshError) as raised:
            await a.call(queued("b", path=path))
    codes = {"too large": "too_large"}
    assert raised.value.code == codes.get(kind, "skill_failed")
    assert "secret" not in str(raised.value)


async def test_a_loop_that_blocks_keeps_its_lease(monkeypatch):
    """The thread renews while the loop is blocked; with the login's socket silent, too."""
    renewed = []
    monkeypatch.setattr(work.Renewer.__init__, "__defaults__", (0.1,))
    once = work.Renewer.once

    def counted(self, access, leases):
        renewed.append(len(leases))
        once(self, access, leases)

    monkeypatch.setattr(work.Renewer, "once", counted)

    async def block(incoming, responder):
        await asyncio.sleep(0)
        if len(renewed) == 0:
            while len(renewed) < 2:
                time.sleep(0.01)
        responder.reply(b"%d" % incoming.attempt)

    # Registry and asker live in this loop too, so the answers come after; the requests go out.
    async with two(block) as (_, a, _b):
        assert (await a.call(queued("b"))).value == b"1"
    assert len(renewed) >= 2


class Book:
    """A registry that answers as told and remembers what it was asked."""

    up, access = True, None

    def __init__(self):
        self.asked, self.errors = [], {}

    async def verb(self, name, request, timeout=10.0):
        self.asked.append((name, request))
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
        self.worker = work.Worker("b", self.book, self.world, self.world)
        self.worker.serve(handler, ["echo"], slots)

    def push(self, name="t1", fence="f1", skill="echo", target="", **kw):
        task = t.Task(name, "assigned", skill, target, "a", deadline_ms=60_000, **kw)
        self.worker.pushed(TaskPush(task, t.LEASE_MS, fence, 1))

    async def until(self, condition):
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)

    async def stop(self):
        await self.worker.stop()
        self.world.stop()


async def hang(incoming, responder):
    await asyncio.Event().wait()


async def answer(incoming, responder):
    responder.reply(b"1")


async def test_a_task_for_a_foreign_skill_or_a_full_worker_goes_back():
    bench = Bench(hang, slots=1)
    bench.push("t1", skill="other")
    bench.push("t2")
    bench.push("t3")
    await bench.until(lambda: bench.book.names().count("tasks.release") == 2)
    released = [said.task_id for name, said in bench.book.asked if name == "tasks.release"]
    assert released == ["t1", "t3"] and bench.worker.working == 1
    await bench.stop()


async def test_the_same_push_twice_is_one_and_a_new_fence_replaces():
    bench = Bench(hang)
    bench.push(fence="f1")
    bench.push(fence="f1")
    first = bench.worker._leases["t1"]
    bench.push(fence="f2")
    assert first.lost and bench.worker._leases["t1"].fence == "f2"
    await bench.stop()
    assert bench.book.names().count("tasks.fail") == 0


async def test_a_report_is_repeated_under_its_fence():
    from chatixia.errors import RegistryUnreachable

    bench = Bench(answer)
    bench.book.errors["tasks.complete"] = [RegistryUnreachable(outcome="unknown")] * 3
    bench.push(fence="f9")
    await bench.until(lambda: bench.book.names().count("tasks.complete") == 4)
    assert {said.fence for name, said in bench.book.asked} == {"f9"}
    await bench.until(lambda: not bench.worker.working)
    await bench.stop()


async def test_a_report_that_is_refused_is_not_repeated():
    from chatixia.errors import StaleFence

    bench = Bench(answer)
    bench.book.errors["tasks.complete"] = [StaleFence()]
    bench.push()
    await bench.until(lambda: not bench.worker.working)
    assert bench.book.names() == ["tasks.complete"]
    await bench.stop()


async def test_a_canceled_task_stops_its_skill():
    bench = Bench(hang)
    bench.push()
    lease = bench.worker._leases["t1"]
    bench.worker.pushed(TaskHint("t1", "canceled", "another fence"))
    assert not lease.lost
    bench.worker.pushed(TaskHint("t1", "canceled", "f1"))
    await bench.until(lambda: lease.run.done())
    assert lease.lost and "tasks.fail" not in bench.book.names()
    await bench.stop()


async def test_a_lease_that_ends_stops_its_skill():
    bench = Bench(hang)
    bench.world.waiting = lambda: 0
    bench.push()
    lease = bench.worker._leases["t1"]
    bench.world.advance(t.LEASE_MS / 1000 - t.UNSTARTED_MS / 1000 - 2)
    assert not lease.lost
    bench.world.advance(4)
    assert lease.lost
    await bench.stop()


async def test_a_renewal_moves_the_end_and_a_refused_one_is_the_end():
    bench = Bench(hang)
    bench.push()
    lease, asked = bench.worker._leases["t1"], bench.world.now
    bench.worker._renewed([t.Renewal("t1", t.LEASE_MS)], asked)
    assert lease.until == asked + t.LEASE_MS / 1000
    bench.worker._renewed([t.Renewal("t1", code="stale_fence")], asked)
    assert lease.lost
    await bench.stop()


async def test_a_loop_that_was_not_seen_for_a_minute_renews_nothing():
    bench = Bench(hang)
    bench.push()
    assert [held.task_id for held in bench.worker._held()] == ["t1"]
    bench.world.now += work.MAX_BLOCK + 1
    assert bench.worker._held() == []
    await bench.stop()


async def test_after_a_login_it_looks_for_work():
    bench = Bench(answer)
    bench.worker.registry_up()
    bench.world.advance(1.5)
    await bench.until(lambda: "tasks.claim" in bench.book.names())
    await bench.stop()
