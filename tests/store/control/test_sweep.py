"""What time does: leases, unstarted deliveries, back-off, deadlines, retention."""

import pytest

from chatixia.errors import CursorExpired, NotFound, WireError
from chatixia.store.control import repeats, sweep, trust

from .kit import ALICE, BOB, CAROL, Ledger, seat

BROKEN = WireError("skill_failed", "it broke", retryable=True)
HOUR, YEARS = 3600.0, 10 * 365.25 * 86400.0


async def test_an_unstarted_push_comes_back_after_five_seconds(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "echo", slots=1)])
    name = await ledger.submit()
    ledger.store.leases.seats([])
    await ledger.settle(4.9)
    assert await ledger.state(name) == "assigned"
    await ledger.settle(0.2)
    assert await ledger.state(name) == "pending"
    _, task = await ledger.store.tasks.get("default", name)
    assert (task.attempt, task.deliveries) == (0, 1)
    [grant] = await ledger.claim(CAROL)
    assert grant.attempt == 1


async def test_a_started_push_keeps_its_lease(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "echo", slots=1)])
    name = await ledger.submit()
    fence = ledger.given()[0].row.fence
    await ledger.store.upkeep.sweep([(name, fence), ("t_none", 1)])
    await ledger.settle(20.0)
    assert await ledger.state(name) == "assigned"
    assert (await ledger.store.tasks.get("default", name))[1].attempt == 1
    await ledger.settle(11.0)
    assert await ledger.state(name) == "pending"
    [told] = ledger.changed(name)
    assert told.event == "lose"


async def test_a_late_mark_is_written_before_the_sweep_looks(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "echo", slots=1)])
    name = await ledger.submit()
    ledger.world.advance(6.0)
    await ledger.store.upkeep.sweep([(name, ledger.given()[0].row.fence)])
    assert await ledger.state(name) == "assigned"


async def test_what_a_process_holds_that_is_away_is_left_until_it_is_known_to_be_gone(
    ledger: Ledger,
):
    ledger.store.leases.seats([seat(BOB, "echo")])
    name = await ledger.submit(max_attempts=1)
    ledger.store.leases.seats([])
    ledger.world.advance(5.1)
    other = {("bob", "f" * 16), ("carol", BOB.incarnation)}
    await ledger.store.upkeep.sweep([], {("bob", BOB.incarnation)})
    assert await ledger.state(name) == "assigned"
    ledger.world.advance(sweep.LATER)
    await ledger.store.upkeep.sweep([], other)
    assert await ledger.state(name) == "pending"


async def test_the_time_by_which_a_start_is_missed_is_that_of_the_marks(ledger: Ledger):
    """A registry that was stopped between asking and writing has a word that it did not read."""
    ledger.store.leases.seats([seat(BOB, "echo")])
    name = await ledger.submit(max_attempts=1)
    mark = (name, ledger.given()[0].row.fence)
    ledger.store.leases.seats([])
    asked = sweep.SweepRequest(ledger.store.now(), [], frozenset(), 0.5)
    ledger.world.advance(6.0)
    await ledger.store.access.write(sweep.sweep, ledger.store.memory, asked)
    assert await ledger.state(name) == "assigned"
    ledger.world.advance(sweep.LATER)
    await ledger.store.upkeep.sweep([mark])
    assert await ledger.state(name) == "assigned"


async def test_twenty_deliveries_and_no_more(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "echo", slots=1)])
    name = await ledger.submit(ttl=10_000.0)
    for _ in range(100):
        await ledger.settle(5.1)
    _, task = await ledger.store.tasks.get("default", name)
    assert (task.state, task.deliveries, task.attempt) == ("failed", 20, 0)
    assert task.error and task.error.code == "attempts_exhausted"


async def test_back_off_is_pending_but_not_claimable(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    await ledger.store.leases.fail(BOB, name, grant.fence, BROKEN)
    assert await ledger.claim() == []
    _, task = await ledger.store.tasks.get("default", name)
    assert task.state == "pending"
    assert task.run_after > ledger.store.now()
    await ledger.settle(1.0)
    assert len(await ledger.claim()) == 1


@pytest.mark.parametrize("held", [False, True])
async def test_a_deadline_ends_what_waits_and_what_runs(ledger: Ledger, held: bool):
    name = await ledger.submit(ttl=10.0)
    if held:
        await ledger.claim()
    await ledger.settle(10.1)
    _, task = await ledger.store.tasks.get("default", name)
    assert task.state == "failed"
    assert task.error and task.error.code == ("deadline_exceeded" if held else "expired")
    assert task.error.outcome == ("unknown" if held else "definite")
    assert await ledger.claim() == []


async def test_a_deadline_holds_in_back_off(ledger: Ledger):
    name = await ledger.submit(ttl=100.0, max_attempts=20)
    for _ in range(20):
        got = await ledger.claim()
        if got:
            await ledger.store.leases.fail(BOB, name, got[0].fence, BROKEN)
        await ledger.settle(5.0)
    assert await ledger.state(name) == "failed"


@pytest.mark.parametrize("step", [HOUR, -HOUR, YEARS, -YEARS])
async def test_a_step_of_the_wall_ends_no_lease_and_no_deadline(ledger: Ledger, step: float):
    held, waits = await ledger.submit(), await ledger.submit(ttl=60.0)
    [grant] = await ledger.claim()
    assert grant.task.id == held
    ledger.world.wall_now += step
    await ledger.settle(20.0)
    assert [await ledger.state(held), await ledger.state(waits)] == ["assigned", "pending"]
    await ledger.settle(15.0)
    assert await ledger.state(held) == "pending"
    await ledger.settle(30.0)
    assert await ledger.state(waits) == "failed"


async def test_the_sweep_looks_only_when_something_is_due(ledger: Ledger):
    assert ledger.store.upkeep.next_due() is None
    await ledger.submit(ttl=60.0)
    assert ledger.store.upkeep.next_due() == ledger.store.now() + 60.0
    await ledger.claim()
    assert ledger.store.upkeep.next_due() == ledger.store.now() + 30.0


async def test_entries_do_not_grow_with_renewals(ledger: Ledger):
    from chatixia.wire import tasks as t

    name = await ledger.submit(ttl=100_000.0)
    [grant] = await ledger.claim()
    for _ in range(50):
        await ledger.store.leases.renew(BOB, [t.Held(name, grant.fence)])
        await ledger.settle(10.0)
    assert len(ledger.store.memory.dues._heap) <= 3
    assert await ledger.state(name) == "assigned"


async def test_what_ended_leaves_nothing_in_memory_whatever_its_deadline(
    ledger: Ledger,
):
    for _ in range(20):
        name = await ledger.submit(ttl=86_400.0)
        [grant] = await ledger.claim()
        await ledger.store.leases.complete(BOB, name, grant.fence, b"1")
    await ledger.store.tasks.cancel(ALICE, await ledger.submit(ttl=86_400.0))
    memory = ledger.store.memory
    assert len(memory.dues) == 0
    assert not memory.rows.by_id and not memory.rows._by_number and not memory.rows._payloads


async def test_many_are_handled_in_groups(ledger: Ledger):
    for _ in range(sweep.PER_GROUP + 5):
        await ledger.submit(ttl=1.0)
    ledger.world.advance(2.0)
    assert await ledger.store.upkeep.sweep([]) == sweep.PER_GROUP
    assert await ledger.store.upkeep.sweep([]) == 5
    assert await ledger.store.tasks.counts() == {"pending": 0, "failed": sweep.PER_GROUP + 5}


async def test_an_ended_task_goes_after_its_time_with_all_that_is_its(ledger: Ledger):
    cursor = await ledger.store.events.cursor()
    large = b'"' + b"x" * 10_000 + b'"'
    name, stays = await ledger.submit(payload=large), await ledger.submit(ttl=repeats.RETENTION * 2)
    await ledger.store.tasks.cancel(ALICE, name)
    ledger.world.advance(repeats.RETENTION + 1)
    assert await ledger.store.upkeep.tidy() == 1
    with pytest.raises(NotFound):
        await ledger.state(name)
    assert await ledger.state(stays) == "pending"
    assert await ledger.store.tasks.counts() == {"pending": 1, "canceled": 0}
    assert await ledger.store.access.read("payload", (1,)) == []
    assert {row.id for row in await ledger.store.events.after("")} == {stays}
    with pytest.raises(CursorExpired):
        await ledger.store.events.after(cursor)
    await ledger.store.events.after(await ledger.store.events.cursor())


async def test_tidying_drops_what_is_over(ledger: Ledger):
    store = ledger.store
    await store.people.put_link(b"d" * 32, "hub~anna", 600.0)
    await store.access.write(trust.note_failure, "join", 300.0)
    await store.events.put("agent", "bob", "joined")
    await store.members.next_epoch("default", "pi~aaaaaa", "a" * 16)
    await store.members.next_epoch("default", "bob", "a" * 16)
    ledger.world.advance(repeats.DAY + 1)
    await store.upkeep.tidy()
    db = store.resources.state.tx.db
    assert db.execute("SELECT agent FROM epochs").fetchall() == [("bob",)]
    ledger.world.advance(sweep.EVENT_RETENTION)
    await store.upkeep.tidy()
    with_rows = {
        name: store.resources.state.tx.db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for name in ("logins", "failures", "events", "epochs")
    }
    assert with_rows == {"logins": 0, "failures": 0, "events": 0, "epochs": 1}
