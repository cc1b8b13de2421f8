"""A task belongs to one holder under one fence, and a lost holder's tasks move on."""

import pytest

from chatixia.core.ports import Principal
from chatixia.errors import NotFound, StaleFence
from chatixia.wire import tasks as t

from .kit import ALICE, BOB, CAROL, Ledger, agent, seat, task_id


async def test_no_result_under_an_older_fence(ledger: Ledger):
    """The lease ended, another holds the task: the first one's late result changes nothing."""
    name = await ledger.submit()
    [old] = await ledger.claim(BOB)
    await ledger.settle(31.0)
    await ledger.settle(2.0)
    [new] = await ledger.claim(CAROL)
    with pytest.raises(StaleFence):
        await ledger.store.leases.complete(BOB, name, old.fence, b'"late"')
    with pytest.raises(StaleFence):
        await ledger.store.leases.complete(BOB, name, new.fence, b'"guessed"')
    await ledger.store.leases.complete(CAROL, name, new.fence, b'"right"')
    with pytest.raises(StaleFence):
        await ledger.store.leases.complete(BOB, name, old.fence, b'"later"')
    assert bytes((await ledger.store.tasks.get("default", name))[1].result.plain) == b'"right"'  # type: ignore[union-attr,arg-type]


async def test_no_result_between_two_holders(ledger: Ledger):
    name = await ledger.submit()
    [old] = await ledger.claim(BOB)
    await ledger.settle(31.0)
    assert await ledger.state(name) == "pending"
    with pytest.raises(StaleFence):
        await ledger.store.leases.complete(BOB, name, old.fence, b"1")


async def test_a_fence_of_another_generation_is_stale(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    other = f"{ledger.store.generation - 1}.{grant.fence.partition('.')[2]}"
    with pytest.raises(StaleFence):
        await ledger.store.leases.complete(BOB, name, other, b"1")


async def test_unknown_tasks_and_other_namespaces_are_not_found(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    other = Principal(BOB.id, "agent", ns="other")
    with pytest.raises(NotFound):
        await ledger.store.leases.complete(other, name, grant.fence, b"1")
    with pytest.raises(NotFound):
        await ledger.store.leases.complete(BOB, task_id(77), grant.fence, b"1")
    with pytest.raises(NotFound):
        await ledger.store.tasks.get("other", name)


async def test_renewal_keeps_a_lease_and_says_which_are_gone(ledger: Ledger):
    held, lost, ended = [await ledger.submit() for _ in range(3)]
    grants = {g.task.id: g for g in await ledger.claim(limit=3)}
    await ledger.store.tasks.cancel(ALICE, ended)
    leases = [
        t.Held(held, grants[held].fence),
        t.Held(lost, "1.999"),
        t.Held(ended, grants[ended].fence),
        t.Held(task_id(70), grants[held].fence),
    ]
    for _ in range(4):
        ledger.world.advance(20.0)
        renewed = (await ledger.store.leases.renew(BOB, leases)).leases
        assert [r.code for r in renewed] == ["", "stale_fence", "canceled", "not_found"]
        assert renewed[0].lease_ms == 30_000
        await ledger.settle()
    assert await ledger.state(held) == "assigned"
    assert await ledger.state(lost) == "pending"


async def test_nobody_renews_anothers_lease(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim(BOB)
    renewed = await ledger.store.leases.renew(CAROL, [t.Held(name, grant.fence)])
    assert renewed.leases[0].code == "stale_fence"


async def test_the_leases_of_one_process_end_and_no_others(ledger: Ledger):
    old, new = agent("bob", "a" * 16), agent("bob", "b" * 16)
    first, second = await ledger.submit(), await ledger.submit()
    await ledger.claim(old)
    await ledger.claim(new)
    assert await ledger.store.leases.end("bob", "a" * 16) == 1
    assert [await ledger.state(first), await ledger.state(second)] == ["pending", "assigned"]
    [told] = ledger.changed(first)
    assert told.event == "lose"


async def test_what_was_started_counts_though_the_mark_was_not_yet_written(ledger: Ledger):
    """A task that may be tried once must not run again after its worker was lost."""
    ledger.store.leases.seats([seat(BOB, "echo")])
    started, not_started = [await ledger.submit(max_attempts=1) for _ in range(2)]
    ledger.store.leases.seats([])
    marks = [(started, ledger.given()[0].row.fence)]
    await ledger.store.leases.end("bob", BOB.incarnation, marks)
    for name in (started, not_started):  # the word for the other may have died with its process
        task = (await ledger.store.tasks.get("default", name))[1]
        assert task.error
        end = (task.state, task.attempt, task.error.code, task.error.outcome)
        assert end == ("failed", 1, "attempts_exhausted", "unknown")


async def test_a_delivery_to_a_process_that_is_gone_counts(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "echo")])
    name = await ledger.submit(max_attempts=3)
    ledger.store.leases.seats([])
    await ledger.store.leases.end("bob", BOB.incarnation)
    task = (await ledger.store.tasks.get("default", name))[1]
    assert (task.state, task.attempt) == ("pending", 1)
    assert task.run_after <= ledger.store.now()  # at once, for nothing is wrong with the task


async def test_what_a_process_that_said_goodbye_had_not_begun_returns_uncounted(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "echo")])
    name = await ledger.submit(max_attempts=1)
    ledger.store.leases.seats([])
    await ledger.store.leases.end("bob", BOB.incarnation, clean=True)
    task = (await ledger.store.tasks.get("default", name))[1]
    assert (task.state, task.attempt) == ("pending", 0)
