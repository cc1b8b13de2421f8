"""How a task ends by somebody's word, once and only by whom it may."""

import msgspec
import pytest

from chatixia.errors import (
    Cancelled,
    Conflict,
    Denied,
    StaleFence,
    WireError,
)
from chatixia.store.control import outcomes
from chatixia.wire import tasks as t

from .kit import ALICE, BOB, CAROL, OWNER, Ledger

BROKEN = WireError("skill_failed", "it broke", retryable=True)


async def test_a_result_comes_back_with_its_task(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    assert await ledger.store.leases.complete(BOB, name, grant.fence, b"42") == t.Ended(
        name, "completed"
    )
    _, task = await ledger.store.tasks.get("default", name)
    assert bytes(task.result.plain) == b"42"  # type: ignore[union-attr,arg-type]
    assert (task.attempt, task.assigned_agent_id) == (1, "bob")
    [told] = ledger.changed(name)
    assert told.task.result == task.result or bytes(told.task.result.plain) == b"42"  # type: ignore[union-attr,arg-type]


async def test_complete_and_fail_repeated_get_the_first_answer_whatever_the_body(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    await ledger.store.leases.complete(BOB, name, grant.fence, b"1")
    again = t.Ended(name, "completed", duplicate=True)
    assert await ledger.store.leases.complete(BOB, name, grant.fence, b"2") == again
    assert await ledger.store.leases.fail(BOB, name, grant.fence, BROKEN) == again
    assert bytes((await ledger.store.tasks.get("default", name))[1].result.plain) == b"1"  # type: ignore[union-attr,arg-type]
    assert await ledger.store.tasks.counts() == {"pending": 0, "assigned": 0, "completed": 1}


async def test_a_released_task_counts_no_attempt_and_goes_to_another(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim(BOB)
    assert (await ledger.store.leases.release(BOB, name, grant.fence)).state == "pending"
    [again] = await ledger.claim(CAROL)
    assert (again.attempt, again.task.deliveries) == (1, 2)
    with pytest.raises(StaleFence):
        await ledger.store.leases.release(BOB, name, grant.fence)


async def test_cancel_is_terminal_and_fences_the_holder_off(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    assert await ledger.store.tasks.cancel(ALICE, name) == t.Ended(name, "canceled")
    assert await ledger.store.tasks.cancel(ALICE, name) == t.Ended(name, "canceled", duplicate=True)
    for attempt in (
        ledger.store.leases.complete(BOB, name, grant.fence, b"1"),
        ledger.store.leases.fail(BOB, name, grant.fence, BROKEN),
        ledger.store.leases.started(BOB, name, grant.fence),
    ):
        with pytest.raises(Cancelled):
            await attempt
    [told] = ledger.changed(name)
    assert (told.event, told.row.worker, told.task.state) == ("cancel", "bob", "canceled")
    assert told.task.fence != grant.fence


async def test_why_it_was_canceled_stays_with_it(ledger: Ledger):
    name = await ledger.submit()
    await ledger.store.tasks.cancel(ALICE, name, " too late ")
    await ledger.store.tasks.cancel(ALICE, name, "another")
    error = (await ledger.store.tasks.get("default", name))[1].error
    assert error is not None
    assert (error.code, error.message) == ("canceled", "The task was canceled: too late")
    [told] = ledger.changed(name)
    assert told.task.error == error


async def test_only_its_submitter_or_an_owner_cancels(ledger: Ledger):
    mine, other = await ledger.submit(), await ledger.submit()
    with pytest.raises(Denied):
        await ledger.store.tasks.cancel(CAROL, mine)
    await ledger.store.tasks.cancel(OWNER, other)
    [grant] = await ledger.claim()
    await ledger.store.leases.complete(BOB, mine, grant.fence, b"1")
    with pytest.raises(Conflict):
        await ledger.store.tasks.cancel(ALICE, mine)


async def test_the_described_report_counts_only_from_the_holder(ledger: Ledger):
    name = await ledger.submit()
    await ledger.store.leases.poll(BOB, ["echo"])
    said = t.Update("completed", name, msgspec.Raw(b'"done"'))
    with pytest.raises(Denied):
        await ledger.store.leases.update(CAROL, said)
    await ledger.store.leases.update(BOB, said)
    await ledger.store.leases.update(BOB, said)  # again is fine
    _, task = await ledger.store.tasks.get("default", name)
    assert bytes(task.result.plain) == b'"done"'  # type: ignore[union-attr,arg-type]


async def test_a_described_failure_is_final(ledger: Ledger):
    name = await ledger.submit()
    await ledger.store.leases.poll(BOB, ["echo"])
    await ledger.store.leases.update(
        BOB, t.Update("failed", name, error=msgspec.Raw(b'"no such city"'))
    )
    _, task = await ledger.store.tasks.get("default", name)
    assert task.error == WireError("skill_failed", "no such city")


@pytest.mark.parametrize("text", [b"", b"nonsense", b'{"a":1}', b'"' + b"x" * 5000 + b'"'])
def test_any_described_error_becomes_one_of_ours(text: bytes):
    error = outcomes.described_error(text)
    assert error.code == "skill_failed"
    assert len(error.message) <= 1024
