"""The tasks of whoever was put out: found in pages, ended by what they have to do with it."""

from __future__ import annotations

import pytest

from chatixia.core.ports import Principal
from chatixia.core.task import RemovedParties
from chatixia.ids import AgentId
from chatixia.store.control import removal

from .kit import ALICE, BOB, Ledger, client, seat

SENSOR = Principal(AgentId("sensor"), "agent", machine="pi", incarnation="5" * 16)
PI = RemovedParties(frozenset({"pi"}), frozenset({"pi", "sensor"}))


async def put_out(ledger: Ledger, gone: RemovedParties = PI) -> int:
    """All pages, one group each."""
    ended, after = 0, 0
    while True:
        numbers, after = await ledger.store.upkeep.open_of("default", gone, after)
        ended += await ledger.store.upkeep.remove(gone, numbers)
        if not after:
            return ended


async def test_each_task_ends_by_what_it_has_to_do_with_who_is_out(ledger: Ledger):
    from_client = await ledger.submit(who=client("pi~aaaaaa"))
    from_agent = await ledger.submit("held", who=SENSOR)
    held = await ledger.submit("sense")
    others = await ledger.submit(who=client("lab~aaaaaa"))
    await ledger.claim(BOB, "held")
    [grant] = await ledger.claim(SENSOR, "sense")
    assert grant.task.id == held
    to_agent = await ledger.submit(target="sensor")
    assert await put_out(ledger) == 4
    shown = {
        id: (await ledger.store.tasks.get("default", id))[1]
        for id in (from_client, from_agent, to_agent, held, others)
    }
    ends = {
        id: (task.state, task.error and (task.error.code, task.error.outcome))
        for id, task in shown.items()
    }
    assert ends == {
        from_client: ("canceled", ("revoked", "definite")),
        from_agent: ("canceled", ("revoked", "unknown")),  # bob has it, and may have begun
        to_agent: ("failed", ("unknown_agent", "definite")),
        held: ("pending", None),
        others: ("pending", None),
    }
    assert shown[held].attempt == 1  # claimed, so it had begun
    assert await put_out(ledger) == 0


async def test_what_ended_is_left_as_it_is(ledger: Ledger):
    name = await ledger.submit(who=SENSOR)
    [grant] = await ledger.claim(BOB)
    await ledger.store.leases.complete(BOB, name, grant.fence, b"1")
    assert await ledger.store.upkeep.open_of("default", PI) == ([], 0)
    row, _ = await ledger.store.tasks.get("default", name)
    assert await ledger.store.upkeep.remove(PI, [row.n, 999]) == 0
    assert await ledger.state(name) == "completed"


async def test_a_task_that_may_be_tried_once_is_not_begun_again(ledger: Ledger):
    name = await ledger.submit("sense", max_attempts=1)
    await ledger.claim(SENSOR, "sense")
    await put_out(ledger)
    task = (await ledger.store.tasks.get("default", name))[1]
    assert task.error and (task.state, task.error.code) == ("failed", "attempts_exhausted")


async def test_what_was_sent_to_who_is_out_counts_as_begun(ledger: Ledger):
    ledger.store.leases.seats([seat(SENSOR, "sense")])
    once, more = await ledger.submit("sense", max_attempts=1), await ledger.submit("sense")
    ledger.store.leases.seats([])
    await put_out(ledger)
    tasks = [(await ledger.store.tasks.get("default", name))[1] for name in (once, more)]
    assert [(task.state, task.attempt) for task in tasks] == [("failed", 1), ("pending", 1)]


async def test_pages_lead_through_all_rows(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(removal, "SCAN", 4)
    mine = [await ledger.submit(who=who) for who in (SENSOR, ALICE) * 6][::2]
    numbers, after = await ledger.store.upkeep.open_of("default", PI)
    assert len(numbers) == 2
    assert after == 4
    assert await put_out(ledger) == len(mine)
    assert {await ledger.state(name) for name in mine} == {"canceled"}
    assert await ledger.store.upkeep.open_of("other", PI) == ([], 4)
