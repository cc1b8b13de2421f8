"""The leases of the tasks in hand: renewed, refused, ended in time."""

import asyncio

from chatixia.peer.tasks import leases, renewal
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskHint
from tests.peer.meshes import queued, two
from tests.peer.tasks.worker_bench import Bench, Runs, hang
from tests.until import turns, until_sync


async def test_a_loop_that_blocks_keeps_its_lease(monkeypatch):
    """The thread renews while the loop is blocked; with the login's socket silent, too."""
    renewed = []
    monkeypatch.setattr(renewal, "EVERY", 0.1)
    once = renewal.LeaseRenewer.once

    def counted(self, access, leases):
        renewed.append(len(leases))
        once(self, access, leases)

    monkeypatch.setattr(renewal.LeaseRenewer, "once", counted)

    async def block(incoming, responder):
        await asyncio.sleep(0)
        if len(renewed) == 0:
            until_sync(lambda: len(renewed) >= 2)
        responder.reply(b"%d" % incoming.attempt)

    # Registry and asker live in this loop too, so the answers come after; the requests go out.
    async with two(block) as (_, a, _b):
        assert (await a.call(queued("b"))).value == b"1"
    assert len(renewed) >= 2


async def test_work_addressed_to_me_waits_longer_for_its_next_fence():
    bench = Bench(run := Runs())
    bench.world.waiting = lambda: 0
    await bench.begin(target="b")
    lease = bench.worker.leases.in_hand["t1"]
    bench.worker.pushed(TaskHint("t1", "pending", "f1"))
    bench.world.advance(leases.GRACE_ADDRESSED - 0.1)
    assert lease.lost and not lease.run.done() and bench.worker.leases.renewable() == []
    bench.world.advance(0.2)
    await turns(lambda: lease.run.done())
    assert len(run.seen) == 1
    await bench.stop()


async def test_the_thread_says_what_a_loop_that_blocks_at_once_could_not():
    bench = Bench(hang)
    await bench.begin()
    assert [held.task_id for held in bench.worker.leases.unconfirmed()] == ["t1"]
    bench.worker.leases._renewed_in_thread([t.Renewal("t1", t.LEASE_MS)], bench.world.now)
    assert bench.worker.leases.unconfirmed() == []
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
    lease = bench.worker.leases.in_hand["t1"]
    bench.worker.pushed(TaskHint("t1", "canceled", "another fence"))
    assert not lease.lost
    bench.worker.pushed(TaskHint("t1", "canceled", "f1", "The task was canceled: enough"))
    await turns(lambda: lease.run.done())
    assert said == ["The task was canceled: enough"]
    assert lease.lost and "tasks.fail" not in bench.book.names()
    await bench.stop()


async def test_a_lease_that_ends_stops_its_skill():
    bench = Bench(hang)
    bench.world.waiting = lambda: 0
    bench.push()
    lease = bench.worker.leases.in_hand["t1"]
    bench.world.advance(t.LEASE_MS / 1000 - t.UNSTARTED_MS / 1000 - 2)
    assert not lease.lost
    bench.world.advance(4)
    assert lease.lost
    await bench.stop()


async def test_a_renewal_moves_the_end_and_a_refused_one_is_the_end():
    bench = Bench(hang)
    bench.push()
    lease, asked = bench.worker.leases.in_hand["t1"], bench.world.now
    assert bench.worker.leases.renewable()
    bench.worker.leases.renewed([t.Renewal("t1", t.LEASE_MS)], asked)
    assert lease.until == asked + t.LEASE_MS / 1000
    bench.worker.leases.renewed([t.Renewal("t1", code="stale_fence")], asked)
    assert lease.lost
    await bench.stop()


async def test_a_renewal_refused_under_an_earlier_fence_does_not_end_the_later():
    bench = Bench(hang)
    bench.push(fence="0.1")
    lease, asked = bench.worker.leases.in_hand["t1"], bench.worker.leases.renewable()
    assert [held.fence for held in asked] == ["0.1"]
    bench.push(fence="0.3")
    bench.worker.leases.renewed([t.Renewal("t1", code="stale_fence")], bench.world.now)
    assert not lease.lost
    bench.worker.leases.renewable()
    bench.worker.leases.renewed([t.Renewal("t1", code="stale_fence")], bench.world.now)
    assert lease.lost
    await bench.stop()


async def test_work_is_stopped_at_its_deadline_whoever_says_so():
    bench = Bench(hang)
    bench.world.waiting = lambda: 0
    bench.push()
    lease = bench.worker.leases.in_hand["t1"]
    lease.until = float("inf")
    bench.world.advance(59)
    assert not lease.lost
    bench.world.advance(2.5)
    assert lease.lost
    await bench.stop()


async def test_a_loop_that_was_not_seen_for_a_minute_renews_nothing():
    bench = Bench(hang)
    bench.push()
    assert [held.task_id for held in bench.worker.leases.renewable()] == ["t1"]
    bench.world.now += leases.MAX_BLOCK + 1
    assert bench.worker.leases.renewable() == []
    await bench.stop()
