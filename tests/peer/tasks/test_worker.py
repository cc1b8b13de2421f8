"""The queue's worker on a real registry: slots, leases, fences, reports."""

import asyncio

import pytest

from chatixia.core.ports import Outgoing
from chatixia.errors import (
    Cancelled,
    DeadlineExceeded,
    Denied,
    MeshError,
    NotFound,
    RegistryUnreachable,
    StaleFence,
    Untrusted,
)
from chatixia.peer.tasks import leases, worker
from chatixia.testing.registry import RegistryHarness
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskHint
from tests.peer.meshes import agent, echo, queued, two
from tests.peer.tasks.worker_bench import Bench, Runs, answer, hang
from tests.until import turns


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


async def test_a_task_for_a_foreign_skill_or_a_full_worker_goes_back():
    bench = Bench(hang, slots=1)
    bench.push("t1", skill="other")
    bench.push("t2")
    bench.push("t3")
    await turns(lambda: bench.book.names().count("tasks.release") == 2)
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
    await turns(lambda: not bench.worker.working)
    assert len(run.seen) == 1
    assert bench.told("tasks.complete") == ["0.3"] and bench.told("tasks.started")[-1] == "0.3"
    await bench.stop()


async def test_what_was_given_out_long_ago_is_begun_once_and_under_the_last_fence():
    """As after a block: each delivery and each taking back wait in the socket."""
    bench = Bench(run := Runs())
    for age, fence, next_ in ((15, "0.1", "pending"), (10, "0.3", "pending"), (5, "0.5", "")):
        bench.push(fence=fence, age=age)
        if next_:
            bench.worker.pushed(TaskHint("t1", next_, fence))
    assert not run.seen
    await turns(lambda: run.seen)
    run.end.set()
    await turns(lambda: not bench.worker.working)
    assert run.seen == bench.told("tasks.complete") == ["0.5"]
    assert bench.told("tasks.started")[-1] == "0.5"
    await bench.stop()


async def test_a_later_fence_that_comes_while_the_first_is_asked_about_is_the_one():
    bench = Bench(run := Runs())
    bench.book.errors["tasks.started"] = [StaleFence()]
    bench.push(fence="0.1", age=6)
    await turns(lambda: bench.book.names() == ["tasks.started"])
    bench.push(fence="0.3", age=1)
    await turns(lambda: run.seen)
    assert run.seen == ["0.3"]
    await bench.stop()


@pytest.mark.parametrize("code", [StaleFence, Cancelled, NotFound])
async def test_a_late_delivery_that_the_registry_does_not_confirm_is_dropped(code):
    bench = Bench(run := Runs())
    bench.book.errors["tasks.started"] = [code()]
    bench.push(age=3)
    await turns(lambda: not bench.worker.working)
    assert not run.seen and bench.book.names() == ["tasks.started"]
    await bench.stop()


async def test_a_clock_that_lags_is_set_by_what_is_given_out():
    bench = Bench(run := Runs(), slots=9)
    await bench.begin("t1", age=-6)  # younger than mesh time itself
    await bench.begin("t2", age=-5.9)
    assert len(run.seen) == 2
    bench.push("t3", age=-1)
    assert len(run.seen) == 2
    await turns(lambda: len(run.seen) == 3)
    await bench.stop()


async def test_whether_a_late_delivery_counts_is_asked_until_it_is_answered():
    bench = Bench(run := Runs())
    bench.book.errors["tasks.started"] = [RegistryUnreachable(), DeadlineExceeded()]
    bench.push(age=3)
    await turns(lambda: run.seen)
    assert bench.book.names() == ["tasks.started"] * 3
    await bench.stop()


async def test_a_result_that_came_too_late_is_told_under_the_next_fence():
    bench = Bench(run := Runs())
    run.end.set()
    bench.book.errors["tasks.complete"] = [StaleFence()]
    bench.push(fence="0.1")
    await turns(lambda: not bench.worker.working)
    bench.push(fence="0.3", age=2)
    await turns(lambda: not bench.worker.working)
    assert run.seen == ["0.1"] and bench.told("tasks.complete") == ["0.1", "0.3"]
    bench.push(fence="0.5")  # it was answered, so nothing is remembered
    await turns(lambda: len(run.seen) == 2)
    await bench.stop()


async def test_a_new_fence_while_the_result_is_told_is_the_one_told_next():
    bench = Bench(run := Runs())
    run.end.set()
    bench.book.errors["tasks.complete"] = [StaleFence()]
    await bench.begin(fence="0.1")
    bench.push(fence="0.3")
    await turns(lambda: not bench.worker.working)
    assert run.seen == ["0.1"] and bench.told("tasks.complete") == ["0.1", "0.3"]
    await bench.stop()


@pytest.mark.parametrize("tries", [1, 3])
async def test_what_was_begun_and_stopped_counts_as_a_try(tries):
    bench = Bench(run := Runs())
    await bench.begin(fence="0.1", max_attempts=tries)
    bench.worker.pushed(TaskHint("t1", "pending", "0.1"))
    bench.world.waiting = lambda: 0
    bench.world.advance(leases.GRACE + 0.01)
    await turns(lambda: not bench.worker.leases.ending)
    bench.push(fence="0.3", max_attempts=tries)
    if tries > 1:
        await turns(lambda: run.seen == ["0.1", "0.3"])
    else:
        await turns(lambda: bench.told("tasks.fail") == ["0.3"])
        (told,) = [said for name, said in bench.book.asked if name == "tasks.fail"]
        assert (told.error.code, told.error.outcome) == ("attempts_exhausted", "unknown")
        assert len(run.seen) == 1
    await bench.stop()


async def test_work_that_is_being_stopped_ends_before_it_is_begun_again():
    bench = Bench(run := Runs(stubborn=True))
    await bench.begin(fence="0.1")
    bench.worker.pushed(TaskHint("t1", "pending", "0.1"))
    bench.world.waiting = lambda: 0
    bench.world.advance(leases.GRACE + 0.01)
    bench.push(fence="0.3")
    await turns(lambda: bench.told("tasks.started")[-1:] == ["0.3"])
    assert run.seen == ["0.1"]
    run.end.set()
    await turns(lambda: not bench.worker.working)
    assert run.seen == ["0.1"] and bench.told("tasks.complete") == ["0.3"]
    await bench.stop()


async def test_a_result_outlives_its_lease_while_the_registry_is_away():
    bench = Bench(answer)
    bench.book.errors["tasks.complete"] = [RegistryUnreachable() for _ in range(30)]
    await bench.begin()
    began = bench.world.now
    bench.worker.leases.renewed([t.Renewal("t1", code="stale_fence")], began)
    await turns(lambda: not bench.worker.working)
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
    await turns(lambda: "tasks.release" in bench.book.names())
    (back,) = [said.task_id for name, said in bench.book.asked if name == "tasks.release"]
    assert back == "t3"
    await bench.stop()


async def test_a_report_is_repeated_under_its_fence():
    bench = Bench(answer)
    bench.book.errors["tasks.complete"] = [RegistryUnreachable(outcome="unknown")] * 3
    bench.push(fence="f9")
    await turns(lambda: bench.book.names().count("tasks.complete") == 4)
    assert {said.fence for name, said in bench.book.asked} == {"f9"}
    await turns(lambda: not bench.worker.working)
    await bench.stop()


async def test_a_report_that_is_refused_is_not_repeated():
    bench = Bench(answer)
    bench.book.errors["tasks.complete"] = [StaleFence()]
    bench.push()
    await turns(lambda: not bench.worker.working)
    assert bench.book.names() == ["tasks.complete"]
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


async def test_after_a_login_it_looks_for_work():
    bench = Bench(answer)
    bench.worker.registry_up()
    bench.world.advance(1.5)
    await turns(lambda: "tasks.claim" in bench.book.names())
    await bench.stop()


async def test_who_takes_only_what_a_link_proved_says_so_to_whoever_comes_by_the_queue():
    async with (
        RegistryHarness() as registry,
        agent(registry, "a", echo) as a,
        agent(registry, "b", echo, owner_only=True),
    ):
        with pytest.raises(Untrusted, match="trust: owner") as refused:
            await a.call(queued("b"))
        assert refused.value.outcome == "definite"
        linked = await a.call(Outgoing("b", "echo", b'"hi"', queue="never", timeout=20.0))
        assert (linked.value, linked.via) == (b'"hi"', "direct")


async def test_a_handler_is_told_who_vouches_for_its_caller():
    seen = []

    async def look(incoming, responder):
        seen.append((incoming.via, incoming.trust))
        responder.reply(b"1")

    async with two(look) as (_, a, _b):
        await a.call(queued("b"))
        await a.call(Outgoing("b", "echo", b'"hi"', queue="never", timeout=20.0))
    assert seen == [("queue, plain", "unverified"), ("direct", "owner")]
