"""One step of a task, and what is written with it."""

from chatixia.errors import WireError

from .kit import BOB, Ledger

BROKEN = WireError("skill_failed", "it broke", retryable=True)


async def test_attempts_end_in_a_dead_letter(ledger: Ledger):
    name = await ledger.submit(max_attempts=2)
    for _ in range(2):
        await ledger.settle(400.0 / 100)
        [grant] = await ledger.claim()
        await ledger.store.leases.fail(BOB, name, grant.fence, BROKEN)
    _, task = await ledger.store.tasks.get("default", name)
    assert task.state == "failed"
    assert task.error and task.error.code == "attempts_exhausted"
    assert task.attempt == 2


async def test_a_refused_task_is_rejected_with_its_error(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    said = WireError("bad_arguments", "city is missing")
    assert (await ledger.store.leases.fail(BOB, name, grant.fence, said)).state == "rejected"
    assert (await ledger.store.tasks.get("default", name))[1].error == said
