"""Who gets which task, and in what order."""

import pytest

from chatixia.core import task as core
from chatixia.wire import tasks as t

from .kit import ALICE, BOB, CAROL, Ledger, agent, client, seat


async def order(ledger: Ledger, many: int, who=CAROL, *skills: str) -> list[str]:  # type: ignore[no-untyped-def]
    """Claim one by one; the ids as they came."""
    names = []
    for _ in range(many):
        got = await ledger.claim(who, *(skills or ("echo",)))
        names += [grant.task.id for grant in got]
    return names


async def test_pushed_tasks_come_within_the_slots_and_fill_them_again(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "echo", slots=2)])
    names = [await ledger.submit() for _ in range(5)]
    assert [g.task.id for g in ledger.given()] == names[:2]
    assert {(g.pushed, g.attempt, g.row.worker) for g in ledger.given()} == {(True, 1, "bob")}
    first = ledger.given()[0].task
    await ledger.store.leases.complete(BOB, first.id, first.fence, b"1")
    assert [g.task.id for g in ledger.given()] == names[:3]


async def test_a_submit_and_its_push_share_one_group(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "echo")])
    await ledger.submit()
    assert [type(n).__name__ for n in ledger.told] == ["TaskSubmitted", "TaskAssigned"]


async def test_a_burst_is_spread_over_free_workers(ledger: Ledger):
    for _ in range(8):
        await ledger.submit()
    ledger.store.leases.seats([seat(BOB, "echo"), seat(CAROL, "echo")])
    await ledger.store.leases.poke()
    workers = [g.row.worker for g in ledger.given()]
    assert sorted(workers) == ["bob"] * 4 + ["carol"] * 4


async def test_a_seat_without_the_skill_gets_nothing(ledger: Ledger):
    ledger.store.leases.seats([seat(BOB, "other")])
    await ledger.submit()
    assert ledger.given() == []


async def test_a_targeted_task_goes_only_to_its_target(ledger: Ledger):
    name = await ledger.submit(target="bob")
    assert await ledger.claim(CAROL, "echo") == []
    [grant] = await ledger.claim(BOB, "nothing")
    assert grant.task.id == name


async def test_never_to_its_own_asker(ledger: Ledger):
    mine = await ledger.submit(who=BOB)
    assert await ledger.claim(BOB) == []
    other = await ledger.submit(who=ALICE)
    assert [g.task.id for g in await ledger.claim(BOB, limit=5)] == [other]
    assert [g.task.id for g in await ledger.claim(CAROL, limit=5)] == [mine]


async def test_priority_first_then_age(ledger: Ledger):
    low, first = await ledger.submit(priority=-5), await ledger.submit()
    high, second = await ledger.submit(priority=5), await ledger.submit()
    assert await order(ledger, 4) == [high, first, second, low]


async def test_several_skills_are_merged_by_priority_and_age(ledger: Ledger):
    names = [await ledger.submit(skill) for skill in ("b", "a", "c", "a")]
    urgent = await ledger.submit("c", priority=1)
    assert await order(ledger, 5, CAROL, "a", "b", "c") == [urgent, *names]


async def test_every_sixteenth_claim_takes_the_oldest(ledger: Ledger):
    """However much of a higher priority arrives, the old one is not starved."""
    old = await ledger.submit(priority=-100)
    for _ in range(40):
        await ledger.submit(priority=100)
    got = await order(ledger, 40)
    assert got.index(old) == core.OLDEST_EVERY - 1


async def test_submitters_take_turns(ledger: Ledger):
    many = [await ledger.submit(who=ALICE) for _ in range(10)]
    few = [await ledger.submit(who=agent("dave")) for _ in range(3)]
    got = await order(ledger, 13)
    assert set(got[:6]) == {*many[:3], *few}
    assert got[6:] == many[3:]


async def test_clients_of_one_machine_are_one_submitter(ledger: Ledger):
    mine = [await ledger.submit(who=client(f"pi~{c * 6}")) for c in "abcd"]
    other = await ledger.submit(who=client("lab~aaaaaa"))
    got = await order(ledger, 5)
    assert got.index(other) <= 1
    assert [name for name in got if name != other] == mine


async def test_a_claim_id_repeats_the_same_grant(ledger: Ledger):
    names = [await ledger.submit() for _ in range(3)]
    said = t.Claim("c1", 2)
    first = (await ledger.store.leases.claim(BOB, said, ["echo"])).grants
    again = (await ledger.store.leases.claim(BOB, said, ["echo"])).grants
    assert [g.task.id for g in first] == [g.task.id for g in again] == names[:2]
    assert [g.fence for g in first] == [g.fence for g in again]
    assert bytes(again[0].task.payload.plain) == bytes(first[0].task.payload.plain)  # type: ignore[arg-type]
    await ledger.store.leases.complete(BOB, names[0], first[0].fence, b"1")
    last = (await ledger.store.leases.claim(BOB, said, ["echo"])).grants
    assert [g.task.id for g in last] == names[1:2]


async def test_a_worker_knows_an_idempotent_task_by_its_key_and_nobody_else_is_told(
    ledger: Ledger,
):
    scope = core.scope("default", ALICE.id, "tasks.submit", "k").hex()
    name = await ledger.submit(key="k", idempotent=True)
    [grant] = await ledger.claim(BOB)
    assert grant.task.scope == scope
    await ledger.store.leases.release(BOB, name, grant.fence)
    ledger.store.leases.seats([seat(BOB, "echo", slots=2)])
    await ledger.store.leases.poke()
    assert ledger.given()[-1].task.scope == scope
    assert (await ledger.store.tasks.get("default", name))[1].scope == ""
    await ledger.submit(key="other")
    assert ledger.given()[-1].task.scope == ""


async def test_an_empty_claim_may_be_repeated_until_there_is_work(ledger: Ledger):
    said = t.Claim("c1")
    assert (await ledger.store.leases.claim(BOB, said, ["echo"])).grants == []
    name = await ledger.submit()
    assert [g.task.id for g in (await ledger.store.leases.claim(BOB, said, ["echo"])).grants] == [
        name
    ]


async def test_a_claim_fits_one_message(ledger: Ledger):
    for _ in range(4):
        await ledger.submit(payload=b'"' + b"x" * 700_000 + b'"')
    assert len(await ledger.claim(limit=4)) == 2


async def test_polling_renews_what_is_held_and_takes_more(ledger: Ledger):
    name = await ledger.submit()
    [task] = await ledger.store.leases.poll(BOB, ["echo"])
    assert (task.id, task.state, task.assigned_agent_id) == (name, "assigned", "bob")
    for _ in range(4):
        await ledger.settle(50.0)
        assert await ledger.store.leases.poll(BOB, ["echo"]) == []
    assert await ledger.state(name) == "assigned"
    await ledger.settle(61.0)
    assert await ledger.state(name) == "pending"


async def test_polling_holds_no_more_than_its_bound(ledger: Ledger):
    for _ in range(20):
        await ledger.submit()
    assert len(await ledger.store.leases.poll(BOB, ["echo"])) == 16
    assert await ledger.store.leases.poll(BOB, ["echo"]) == []


@pytest.mark.parametrize("pending", [1000])
async def test_a_claim_probes_and_does_not_scan(ledger: Ledger, pending: int):
    """Fifty skills and many waiting: the work of a claim must not grow with what waits."""
    for n in range(pending):
        await ledger.submit(f"s{n % 50}")
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    ledger.store.resources.state.tx.db.set_progress_handler(count, 10)
    await ledger.claim(CAROL, *(f"s{n}" for n in range(50)))
    ledger.store.resources.state.tx.db.set_progress_handler(None, 0)
    assert steps * 10 < 20_000
