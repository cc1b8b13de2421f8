"""Each change of a task, once and only by whom it may."""

import pytest

from chatixia.core.ports import Principal
from chatixia.errors import (
    AlreadyDone,
    Cancelled,
    Conflict,
    Denied,
    NotFound,
    StaleFence,
    WireError,
)
from chatixia.store.control import work
from chatixia.wire import tasks as t

from .kit import ALICE, BOB, CAROL, OWNER, Ledger, agent, client, task_id

BROKEN = WireError("skill_failed", "it broke", retryable=True)


# --- submit


async def test_the_same_key_gives_the_same_task(ledger: Ledger):
    first = await ledger.submit(key="k")
    again = await ledger.submit(key="k", id=task_id(99))
    assert again == first
    assert await ledger.store.counts() == {"pending": 1}


async def test_the_answer_to_a_repeat_says_so_and_where_the_task_is(ledger: Ledger):
    name = await ledger.submit(key="k")
    await ledger.claim()
    order = work.SubmitOrder(
        ALICE, t.Submit(id=task_id(7), skill="echo", key="k"), b'{"data":"hello"}', 9
    )
    assert await ledger.store.submit(order) == t.Submitted(name, "assigned", duplicate=True)


async def test_the_same_key_with_another_content_is_a_conflict(ledger: Ledger):
    await ledger.submit(key="k")
    with pytest.raises(Conflict):
        await ledger.submit(key="k", payload=b"2")
    with pytest.raises(Conflict):
        await ledger.submit("other", key="k")


async def test_without_a_key_the_id_is_the_key(ledger: Ledger):
    name = await ledger.submit(id=task_id(5))
    assert await ledger.submit(id=task_id(5)) == name
    with pytest.raises(Conflict):
        await ledger.submit(id=task_id(5), payload=b"2")


async def test_anothers_id_is_taken(ledger: Ledger):
    await ledger.submit(id=task_id(5))
    with pytest.raises(Conflict, match="taken"):
        await ledger.submit(id=task_id(5), who=CAROL)
    assert await ledger.store.counts() == {"pending": 1}


async def test_keys_of_two_principals_do_not_meet(ledger: Ledger):
    names = {
        await ledger.submit(key="k", who=who)
        for who in (ALICE, CAROL, client("pi~aaaaaa"), client("lab~aaaaaa"))
    }
    assert len(names) == 4
    assert await ledger.submit(key="k", who=client("pi~bbbbbb")) in names


async def test_keys_are_stored_hashed(ledger: Ledger):
    await ledger.submit(key="oslo-1123-secret")
    await ledger.store.close()
    files = b"".join(path.read_bytes() for path in ledger.folder.iterdir())
    assert b"oslo-1123-secret" not in files
    assert b"submitted" in files
    ledger.store = Ledger(ledger.folder).store


async def test_a_key_outlives_its_task_by_a_day(ledger: Ledger):
    name = await ledger.submit(key="k")
    await ledger.store.cancel(ALICE, name)
    ledger.world.advance(work.RETENTION + 1)
    await ledger.store.tidy()
    with pytest.raises(NotFound):
        await ledger.state(name)
    with pytest.raises(AlreadyDone):
        await ledger.submit(key="k", id=task_id(50))
    with pytest.raises(Conflict):
        await ledger.submit(key="k", payload=b"2")
    ledger.world.advance(work.DAY + 1)
    await ledger.store.tidy()
    assert await ledger.submit(key="k", id=task_id(50)) == task_id(50)


@pytest.mark.parametrize("size", [1, work.INLINE, work.INLINE + 1, 1 << 20])
async def test_payloads_of_any_size_come_back_whole(ledger: Ledger, size: int):
    payload = b'"' + b"p" * (size - 1) + b'"'
    name = await ledger.submit(payload=payload)
    [grant] = await ledger.claim()
    assert bytes(grant.task.payload.plain) == payload  # type: ignore[arg-type]
    _, task = await ledger.store.task("default", name)
    assert bytes(task.payload.plain) == payload  # type: ignore[arg-type]


# --- complete, fail


async def test_a_result_comes_back_with_its_task(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    assert await ledger.store.complete(BOB, name, grant.fence, b"42") == t.Ended(name, "completed")
    _, task = await ledger.store.task("default", name)
    assert bytes(task.result.plain) == b"42"  # type: ignore[union-attr,arg-type]
    assert (task.attempt, task.assigned_agent_id) == (1, "bob")
    [told] = ledger.changed(name)
    assert told.task.result == task.result or bytes(told.task.result.plain) == b"42"  # type: ignore[union-attr,arg-type]


async def test_complete_and_fail_repeated_get_the_first_answer_whatever_the_body(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    await ledger.store.complete(BOB, name, grant.fence, b"1")
    again = t.Ended(name, "completed", duplicate=True)
    assert await ledger.store.complete(BOB, name, grant.fence, b"2") == again
    assert await ledger.store.fail(BOB, name, grant.fence, BROKEN) == again
    assert bytes((await ledger.store.task("default", name))[1].result.plain) == b"1"  # type: ignore[union-attr,arg-type]
    assert await ledger.store.counts() == {"pending": 0, "assigned": 0, "completed": 1}


async def test_a_failure_that_was_tried_again_keeps_its_first_answer(ledger: Ledger):
    name = await ledger.submit()
    [first] = await ledger.claim()
    assert (await ledger.store.fail(BOB, name, first.fence, BROKEN)).state == "pending"
    await ledger.settle(2.0)
    [second] = await ledger.claim()
    assert second.attempt == 2
    await ledger.store.complete(BOB, name, second.fence, b"1")
    again = t.Ended(name, "pending", duplicate=True)
    assert await ledger.store.fail(BOB, name, first.fence, BROKEN) == again
    assert await ledger.store.complete(BOB, name, first.fence, b"x") == again


async def test_no_result_under_an_older_fence(ledger: Ledger):
    """The lease ended, another holds the task: the first one's late result changes nothing."""
    name = await ledger.submit()
    [old] = await ledger.claim(BOB)
    await ledger.settle(31.0)
    await ledger.settle(2.0)
    [new] = await ledger.claim(CAROL)
    with pytest.raises(StaleFence):
        await ledger.store.complete(BOB, name, old.fence, b'"late"')
    with pytest.raises(StaleFence):
        await ledger.store.complete(BOB, name, new.fence, b'"guessed"')
    await ledger.store.complete(CAROL, name, new.fence, b'"right"')
    with pytest.raises(StaleFence):
        await ledger.store.complete(BOB, name, old.fence, b'"later"')
    assert bytes((await ledger.store.task("default", name))[1].result.plain) == b'"right"'  # type: ignore[union-attr,arg-type]


async def test_no_result_between_two_holders(ledger: Ledger):
    name = await ledger.submit()
    [old] = await ledger.claim(BOB)
    await ledger.settle(31.0)
    assert await ledger.state(name) == "pending"
    with pytest.raises(StaleFence):
        await ledger.store.complete(BOB, name, old.fence, b"1")


async def test_a_fence_of_another_generation_is_stale(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    other = f"{ledger.store.generation - 1}.{grant.fence.partition('.')[2]}"
    with pytest.raises(StaleFence):
        await ledger.store.complete(BOB, name, other, b"1")


async def test_attempts_end_in_a_dead_letter(ledger: Ledger):
    name = await ledger.submit(max_attempts=2)
    for _ in range(2):
        await ledger.settle(400.0 / 100)
        [grant] = await ledger.claim()
        await ledger.store.fail(BOB, name, grant.fence, BROKEN)
    _, task = await ledger.store.task("default", name)
    assert task.state == "failed"
    assert task.error and task.error.code == "attempts_exhausted"
    assert task.attempt == 2


async def test_a_refused_task_is_rejected_with_its_error(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    said = WireError("bad_arguments", "city is missing")
    assert (await ledger.store.fail(BOB, name, grant.fence, said)).state == "rejected"
    assert (await ledger.store.task("default", name))[1].error == said


async def test_unknown_tasks_and_other_namespaces_are_not_found(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    other = Principal(BOB.id, "agent", ns="other")
    with pytest.raises(NotFound):
        await ledger.store.complete(other, name, grant.fence, b"1")
    with pytest.raises(NotFound):
        await ledger.store.complete(BOB, task_id(77), grant.fence, b"1")
    with pytest.raises(NotFound):
        await ledger.store.task("other", name)


# --- release, cancel, start, renew


async def test_a_released_task_counts_no_attempt_and_goes_to_another(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim(BOB)
    assert (await ledger.store.release(BOB, name, grant.fence)).state == "pending"
    [again] = await ledger.claim(CAROL)
    assert (again.attempt, again.task.deliveries) == (1, 2)
    with pytest.raises(StaleFence):
        await ledger.store.release(BOB, name, grant.fence)


async def test_cancel_is_terminal_and_fences_the_holder_off(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim()
    assert await ledger.store.cancel(ALICE, name) == t.Ended(name, "canceled")
    assert await ledger.store.cancel(ALICE, name) == t.Ended(name, "canceled", duplicate=True)
    for attempt in (
        ledger.store.complete(BOB, name, grant.fence, b"1"),
        ledger.store.fail(BOB, name, grant.fence, BROKEN),
        ledger.store.started(BOB, name, grant.fence),
    ):
        with pytest.raises(Cancelled):
            await attempt
    [told] = ledger.changed(name)
    assert (told.event, told.row.worker, told.task.state) == ("cancel", "bob", "canceled")
    assert told.task.fence != grant.fence


async def test_why_it_was_canceled_stays_with_it(ledger: Ledger):
    name = await ledger.submit()
    await ledger.store.cancel(ALICE, name, " too late ")
    await ledger.store.cancel(ALICE, name, "another")
    error = (await ledger.store.task("default", name))[1].error
    assert error is not None
    assert (error.code, error.message) == ("canceled", "The task was canceled: too late")
    [told] = ledger.changed(name)
    assert told.task.error == error


async def test_only_its_submitter_or_an_owner_cancels(ledger: Ledger):
    mine, other = await ledger.submit(), await ledger.submit()
    with pytest.raises(Denied):
        await ledger.store.cancel(CAROL, mine)
    await ledger.store.cancel(OWNER, other)
    [grant] = await ledger.claim()
    await ledger.store.complete(BOB, mine, grant.fence, b"1")
    with pytest.raises(Conflict):
        await ledger.store.cancel(ALICE, mine)


async def test_renewal_keeps_a_lease_and_says_which_are_gone(ledger: Ledger):
    held, lost, ended = [await ledger.submit() for _ in range(3)]
    grants = {g.task.id: g for g in await ledger.claim(limit=3)}
    await ledger.store.cancel(ALICE, ended)
    leases = [
        t.Held(held, grants[held].fence),
        t.Held(lost, "1.999"),
        t.Held(ended, grants[ended].fence),
        t.Held(task_id(70), grants[held].fence),
    ]
    for _ in range(4):
        ledger.world.advance(20.0)
        renewed = (await ledger.store.renew(BOB, leases)).leases
        assert [r.code for r in renewed] == ["", "stale_fence", "canceled", "not_found"]
        assert renewed[0].lease_ms == 30_000
        await ledger.settle()
    assert await ledger.state(held) == "assigned"
    assert await ledger.state(lost) == "pending"


async def test_nobody_renews_anothers_lease(ledger: Ledger):
    name = await ledger.submit()
    [grant] = await ledger.claim(BOB)
    renewed = await ledger.store.renew(CAROL, [t.Held(name, grant.fence)])
    assert renewed.leases[0].code == "stale_fence"


# --- the described report


async def test_the_described_report_counts_only_from_the_holder(ledger: Ledger):
    import msgspec

    name = await ledger.submit()
    await ledger.store.poll(BOB, ["echo"])
    said = t.Update("completed", name, msgspec.Raw(b'"done"'))
    with pytest.raises(Denied):
        await ledger.store.update(CAROL, said)
    await ledger.store.update(BOB, said)
    await ledger.store.update(BOB, said)  # again is fine
    _, task = await ledger.store.task("default", name)
    assert bytes(task.result.plain) == b'"done"'  # type: ignore[union-attr,arg-type]


async def test_a_described_failure_is_final(ledger: Ledger):
    import msgspec

    name = await ledger.submit()
    await ledger.store.poll(BOB, ["echo"])
    await ledger.store.update(BOB, t.Update("failed", name, error=msgspec.Raw(b'"no such city"')))
    _, task = await ledger.store.task("default", name)
    assert task.error == WireError("skill_failed", "no such city")


@pytest.mark.parametrize("text", [b"", b"nonsense", b'{"a":1}', b'"' + b"x" * 5000 + b'"'])
def test_any_described_error_becomes_one_of_ours(text: bytes):
    error = work.described_error(text)
    assert error.code == "skill_failed"
    assert len(error.message) <= 1024


# --- a process that is gone


async def test_the_leases_of_one_process_end_and_no_others(ledger: Ledger):
    old, new = agent("bob", "a" * 16), agent("bob", "b" * 16)
    first, second = await ledger.submit(), await ledger.submit()
    await ledger.claim(old)
    await ledger.claim(new)
    assert await ledger.store.end_leases("bob", "a" * 16) == 1
    assert [await ledger.state(first), await ledger.state(second)] == ["pending", "assigned"]
    [told] = ledger.changed(first)
    assert told.event == "lose"


async def test_what_was_started_counts_though_the_mark_was_not_yet_written(ledger: Ledger):
    """A task that may be tried once must not run again after its worker was lost."""
    from .kit import seat

    ledger.store.seats([seat(BOB, "echo")])
    started, not_started = [await ledger.submit(max_attempts=1) for _ in range(2)]
    ledger.store.seats([])
    marks = [(started, ledger.given()[0].row.fence)]
    await ledger.store.end_leases("bob", BOB.incarnation, marks)
    for name in (started, not_started):  # the word for the other may have died with its process
        task = (await ledger.store.task("default", name))[1]
        assert task.error
        end = (task.state, task.attempt, task.error.code, task.error.outcome)
        assert end == ("failed", 1, "attempts_exhausted", "unknown")


async def test_a_delivery_to_a_process_that_is_gone_counts(ledger: Ledger):
    from .kit import seat

    ledger.store.seats([seat(BOB, "echo")])
    name = await ledger.submit(max_attempts=3)
    ledger.store.seats([])
    await ledger.store.end_leases("bob", BOB.incarnation)
    task = (await ledger.store.task("default", name))[1]
    assert (task.state, task.attempt) == ("pending", 1)
    assert task.run_after <= ledger.store.now()  # at once, for nothing is wrong with the task


async def test_what_a_process_that_said_goodbye_had_not_begun_returns_uncounted(ledger: Ledger):
    from .kit import seat

    ledger.store.seats([seat(BOB, "echo")])
    name = await ledger.submit(max_attempts=1)
    ledger.store.seats([])
    await ledger.store.end_leases("bob", BOB.incarnation, clean=True)
    task = (await ledger.store.task("default", name))[1]
    assert (task.state, task.attempt) == ("pending", 0)
