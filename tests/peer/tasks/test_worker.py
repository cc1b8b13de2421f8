"""The queue's worker on a real registry: slots, leases, fences, reports."""

import asyncio
import time

import pytest

from chatixia.errors import (
    Cancelled,
    DeadlineExceeded,
    Denied,
    MeshError,
    NotFound,
    RegistryUnreachable,
    StaleFence,
)
from chatixia.peer.tasks import worker
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


class Panic(BaseException):
    """What an extension raises that is not to be caught, as PyO3's panics are."""


RAISED = {
    "raises": ValueError,
    "panics": Panic,
    "exits its generator": GeneratorExit,
    "lets a cancelling slip": asyncio.CancelledError,
}


@pytest.mark.parametrize("kind", [*RAISED, "silent", "too large", "hops"])
async def test_each_end_is_reported(kind):
    async def handler(incoming, responder):
        if kind in RAISED:
            raise RAISED[kind]("a secret")
        if kind == "too large":
            responder.reply(b'"' + b"x" * t.MAX_PAYLOAD + b'"')

    async with two(handler) as (_, a, _b):
        path = tuple("abcdefgh"[1:]) if kind == "hops" else ()
        with pytest.raises(MeshError) as raised:
            await a.call(queued("b", path=path))
    # Not too_large, which says that it was refused before it ran.
    assert raised.value.code == "skill_failed"
    assert ("1 MiB" in raised.value.message) == (kind == "too large")
    assert "secret" not in str(raised.value)


async def test_a_loop_that_blocks_keeps_its_lease(monkeypatch):
    """The thread renews while the loop is blocked; with the login's socket silent, too."""
    renewed = []
    monkeypatch.setattr(worker.Renewer.__init__, "__defaults__", (0.1,))
    once = worker.Renewer.once

    def counted(self, access, leases):
        renewed.append(len(leases))
        once(self, access, leases)

    monkeypatch.setattr(worker.Renewer, "once", counted)

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
        lease = self.worker._leases.get(name)
        await self.until(lambda: lease is None or lease.begun or lease.run.done())

    def told(self, verb):
        """Under which fences the registry was told that."""
        return [said.fence for name, said in self.book.asked if name == verb]

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


async def test_the_same_push_twice_is_one_and_a_new_fence_goes_on_with_what_runs():
    bench = Bench(run := Runs())
    await bench.begin(fence="0.1")
    bench.push(fence="0.1")
    bench.worker.pushed(TaskHint("t1", "pending", "0.1"))
    bench.push(fence="0.3")
    bench.push(fence="0.1")
    run.end.set()
    await bench.until(lambda: not bench.worker.working)
    assert len(run.seen) == 1
    assert bench.told("tasks.complete") == ["0.3"] and bench.told("tasks.started")[-1] == "0.3"
    await bench.stop()


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


async def test_what_was_given_out_long_ago_is_begun_once_and_under_the_last_fence():
    """As after a block: each delivery and each taking back wait in the socket."""
    bench = Bench(run := Runs())
    for age, fence, next_ in ((15, "0.1", "pending"), (10, "0.3", "pending"), (5, "0.5", "")):
        bench.push(fence=fence, age=age)
        if next_:
            bench.worker.pushed(TaskHint("t1", next_, fence))
    assert not run.seen
    await bench.until(lambda: run.seen)
    run.end.set()
    await bench.until(lambda: not bench.worker.working)
    assert run.seen == bench.told("tasks.complete") == ["0.5"]
    assert bench.told("tasks.started")[-1] == "0.5"
    await bench.stop()


async def test_a_later_fence_that_comes_while_the_first_is_asked_about_is_the_one():
    bench = Bench(run := Runs())
    bench.book.errors["tasks.started"] = [StaleFence()]
    bench.push(fence="0.1", age=6)
    await bench.until(lambda: bench.book.names() == ["tasks.started"])
    bench.push(fence="0.3", age=1)
    await bench.until(lambda: run.seen)
    assert run.seen == ["0.3"]
    await bench.stop()


@pytest.mark.parametrize("code", [StaleFence, Cancelled, NotFound])
async def test_a_late_delivery_that_the_registry_does_not_confirm_is_dropped(code):
    bench = Bench(run := Runs())
    bench.book.errors["tasks.started"] = [code()]
    bench.push(age=3)
    await bench.until(lambda: not bench.worker.working)
    assert not run.seen and bench.book.names() == ["tasks.started"]
    await bench.stop()


async def test_a_clock_that_lags_is_set_by_what_is_given_out():
    bench = Bench(run := Runs(), slots=9)
    await bench.begin("t1", age=-6)  # younger than mesh time itself
    await bench.begin("t2", age=-5.9)
    assert len(run.seen) == 2
    bench.push("t3", age=-1)
    assert len(run.seen) == 2
    await bench.until(lambda: len(run.seen) == 3)
    await bench.stop()


async def test_whether_a_late_delivery_counts_is_asked_until_it_is_answered():
    bench = Bench(run := Runs())
    bench.book.errors["tasks.started"] = [RegistryUnreachable(), DeadlineExceeded()]
    bench.push(age=3)
    await bench.until(lambda: run.seen)
    assert bench.book.names() == ["tasks.started"] * 3
    await bench.stop()


async def test_a_result_that_came_too_late_is_told_under_the_next_fence():
    bench = Bench(run := Runs())
    run.end.set()
    bench.book.errors["tasks.complete"] = [StaleFence()]
    bench.push(fence="0.1")
    await bench.until(lambda: not bench.worker.working)
    bench.push(fence="0.3", age=2)
    await bench.until(lambda: not bench.worker.working)
    assert run.seen == ["0.1"] and bench.told("tasks.complete") == ["0.1", "0.3"]
    bench.push(fence="0.5")  # it was answered, so nothing is remembered
    await bench.until(lambda: len(run.seen) == 2)
    await bench.stop()


async def test_a_new_fence_while_the_result_is_told_is_the_one_told_next():
    bench = Bench(run := Runs())
    run.end.set()
    bench.book.errors["tasks.complete"] = [StaleFence()]
    await bench.begin(fence="0.1")
    bench.push(fence="0.3")
    await bench.until(lambda: not bench.worker.working)
    assert run.seen == ["0.1"] and bench.told("tasks.complete") == ["0.1", "0.3"]
    await bench.stop()


@pytest.mark.parametrize("tries", [1, 3])
async def test_what_was_begun_and_stopped_counts_as_a_try(tries):
    bench = Bench(run := Runs())
    await bench.begin(fence="0.1", max_attempts=tries)
    bench.worker.pushed(TaskHint("t1", "pending", "0.1"))
    bench.world.waiting = lambda: 0
    bench.world.advance(worker.GRACE + 0.01)
    await bench.until(lambda: not bench.worker._ending)
    bench.push(fence="0.3", max_attempts=tries)
    if tries > 1:
        await bench.until(lambda: run.seen == ["0.1", "0.3"])
    else:
        await bench.until(lambda: bench.told("tasks.fail") == ["0.3"])
        (told,) = [said for name, said in bench.book.asked if name == "tasks.fail"]
        assert (told.error.code, told.error.outcome) == ("attempts_exhausted", "unknown")
        assert len(run.seen) == 1
    await bench.stop()


async def test_work_that_is_being_stopped_ends_before_it_is_begun_again():
    bench = Bench(run := Runs(stubborn=True))
    await bench.begin(fence="0.1")
    bench.worker.pushed(TaskHint("t1", "pending", "0.1"))
    bench.world.waiting = lambda: 0
    bench.world.advance(worker.GRACE + 0.01)
    bench.push(fence="0.3")
    await bench.until(lambda: bench.told("tasks.started")[-1:] == ["0.3"])
    assert run.seen == ["0.1"]
    run.end.set()
    await bench.until(lambda: not bench.worker.working)
    assert run.seen == ["0.1"] and bench.told("tasks.complete") == ["0.3"]
    await bench.stop()


async def test_work_addressed_to_me_waits_longer_for_its_next_fence():
    bench = Bench(run := Runs())
    bench.world.waiting = lambda: 0
    await bench.begin(target="b")
    lease = bench.worker._leases["t1"]
    bench.worker.pushed(TaskHint("t1", "pending", "f1"))
    bench.world.advance(worker.GRACE_MINE - 0.1)
    assert lease.lost and not lease.run.done() and bench.worker._held() == []
    bench.world.advance(0.2)
    await bench.until(lambda: lease.run.done())
    assert len(run.seen) == 1
    await bench.stop()


async def test_a_result_outlives_its_lease_while_the_registry_is_away():
    bench = Bench(answer)
    bench.book.errors["tasks.complete"] = [RegistryUnreachable() for _ in range(30)]
    await bench.begin()
    began = bench.world.now
    bench.worker._renewed([t.Renewal("t1", code="stale_fence")], began)
    await bench.until(lambda: not bench.worker.working)
    assert bench.world.now - began > t.LEASE_MS / 1000
    assert bench.told("tasks.complete") == ["f1"] * 31
    await bench.stop()


async def test_results_that_wait_for_the_registry_are_bounded(monkeypatch):
    monkeypatch.setattr(worker, "UNREPORTED_BYTES", 3)
    bench = Bench(answer)
    bench.world.waiting = lambda: 0
    bench.book.errors["tasks.complete"] = [RegistryUnreachable() for _ in range(9)]
    for n in range(4):
        await bench.begin(f"t{n}")
    await bench.until(lambda: "tasks.release" in bench.book.names())
    (back,) = [said.task_id for name, said in bench.book.asked if name == "tasks.release"]
    assert back == "t3"
    await bench.stop()


async def test_the_thread_says_what_a_loop_that_blocks_at_once_could_not():
    bench = Bench(hang)
    await bench.begin()
    assert [held.task_id for held in bench.worker._unsaid()] == ["t1"]
    bench.worker._renewed_aside([t.Renewal("t1", t.LEASE_MS)], bench.world.now)
    assert bench.worker._unsaid() == []
    await bench.stop()


async def test_a_report_is_repeated_under_its_fence():
    bench = Bench(answer)
    bench.book.errors["tasks.complete"] = [RegistryUnreachable(outcome="unknown")] * 3
    bench.push(fence="f9")
    await bench.until(lambda: bench.book.names().count("tasks.complete") == 4)
    assert {said.fence for name, said in bench.book.asked} == {"f9"}
    await bench.until(lambda: not bench.worker.working)
    await bench.stop()


async def test_a_report_that_is_refused_is_not_repeated():
    bench = Bench(answer)
    bench.book.errors["tasks.complete"] = [StaleFence()]
    bench.push()
    await bench.until(lambda: not bench.worker.working)
    assert bench.book.names() == ["tasks.complete"]
    await bench.stop()


async def test_a_canceled_task_stops_its_skill():
    said = []

    async def listen(incoming, responder):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            said.extend(error.args)
            raise

    bench = Bench(listen)
    await bench.begin()
    lease = bench.worker._leases["t1"]
    bench.worker.pushed(TaskHint("t1", "canceled", "another fence"))
    assert not lease.lost
    bench.worker.pushed(TaskHint("t1", "canceled", "f1", "The task was canceled: enough"))
    await bench.until(lambda: lease.run.done())
    assert said == ["The task was canceled: enough"]
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
    assert bench.worker._held()
    bench.worker._renewed([t.Renewal("t1", t.LEASE_MS)], asked)
    assert lease.until == asked + t.LEASE_MS / 1000
    bench.worker._renewed([t.Renewal("t1", code="stale_fence")], asked)
    assert lease.lost
    await bench.stop()


async def test_a_renewal_refused_under_an_earlier_fence_does_not_end_the_later():
    bench = Bench(hang)
    bench.push(fence="0.1")
    lease, asked = bench.worker._leases["t1"], bench.worker._held()
    assert [held.fence for held in asked] == ["0.1"]
    bench.push(fence="0.3")
    bench.worker._renewed([t.Renewal("t1", code="stale_fence")], bench.world.now)
    assert not lease.lost
    bench.worker._held()
    bench.worker._renewed([t.Renewal("t1", code="stale_fence")], bench.world.now)
    assert lease.lost
    await bench.stop()


async def test_work_is_stopped_at_its_deadline_whoever_says_so():
    bench = Bench(hang)
    bench.world.waiting = lambda: 0
    bench.push()
    lease = bench.worker._leases["t1"]
    lease.until = float("inf")
    bench.world.advance(59)
    assert not lease.lost
    bench.world.advance(2.5)
    assert lease.lost
    await bench.stop()


async def test_a_claim_without_an_answer_is_repeated_as_it_was():
    bench = Bench(answer)
    bench.book.errors["tasks.claim"] = [RegistryUnreachable(outcome="unknown"), Denied()]
    for error in (RegistryUnreachable, Denied):
        with pytest.raises(error):
            await bench.worker.look()
    assert await bench.worker.look() == 0
    first, again, other = [said for _, said in bench.book.asked]
    assert first == again and other.claim_id != first.claim_id
    await bench.stop()


async def test_a_loop_that_was_not_seen_for_a_minute_renews_nothing():
    bench = Bench(hang)
    bench.push()
    assert [held.task_id for held in bench.worker._held()] == ["t1"]
    bench.world.now += worker.MAX_BLOCK + 1
    assert bench.worker._held() == []
    await bench.stop()


async def test_after_a_login_it_looks_for_work():
    bench = Bench(answer)
    bench.worker.registry_up()
    bench.world.advance(1.5)
    await bench.until(lambda: "tasks.claim" in bench.book.names())
    await bench.stop()
