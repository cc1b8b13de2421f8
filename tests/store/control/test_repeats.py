"""The same question gets the same answer, for as long as was promised."""

import pytest

from chatixia.errors import AlreadyDone, Conflict, NotFound, WireError
from chatixia.store.control import repeats
from chatixia.wire import tasks as t

from .kit import ALICE, BOB, Ledger, task_id

BROKEN = WireError("skill_failed", "it broke", retryable=True)


async def test_a_key_outlives_its_task_by_a_day(ledger: Ledger):
    name = await ledger.submit(key="k")
    await ledger.store.tasks.cancel(ALICE, name)
    ledger.world.advance(repeats.RETENTION + 1)
    await ledger.store.upkeep.tidy()
    with pytest.raises(NotFound):
        await ledger.state(name)
    with pytest.raises(AlreadyDone):
        await ledger.submit(key="k", id=task_id(50))
    with pytest.raises(Conflict):
        await ledger.submit(key="k", payload=b"2")
    ledger.world.advance(repeats.DAY + 1)
    await ledger.store.upkeep.tidy()
    assert await ledger.submit(key="k", id=task_id(50)) == task_id(50)


async def test_a_failure_that_was_tried_again_keeps_its_first_answer(ledger: Ledger):
    name = await ledger.submit()
    [first] = await ledger.claim()
    assert (await ledger.store.leases.fail(BOB, name, first.fence, BROKEN)).state == "pending"
    await ledger.settle(2.0)
    [second] = await ledger.claim()
    assert second.attempt == 2
    await ledger.store.leases.complete(BOB, name, second.fence, b"1")
    again = t.Ended(name, "pending", duplicate=True)
    assert await ledger.store.leases.fail(BOB, name, first.fence, BROKEN) == again
    assert await ledger.store.leases.complete(BOB, name, first.fence, b"x") == again
