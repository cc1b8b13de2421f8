"""A budget stops the next request, whatever became of those before it."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.agent.model.budget import RunBudget
from chatixia.agent.model.words import Usage
from chatixia.core.spending import AGENT, Budgets, Spending, SpendingLimit, TokenRates
from chatixia.errors import BudgetExceeded
from chatixia.store.local.agent_store import AgentStore
from chatixia.testing.clock import FakeWorld

USED = Usage(1, 60, 40, 0, 0.25)


class Spender:
    """Runs that spend, on one store and a fake clock."""

    def __init__(self, budgets: Budgets) -> None:
        self.budgets = budgets
        self.store = AgentStore()
        self.world = FakeWorld()
        self.rates = TokenRates(budgets)

    def run(self, caller: str = "ada", task: str = "") -> RunBudget:
        return RunBudget(self.budgets, caller, task, self.store, self.world, self.rates)

    async def until_refused(self, run: RunBudget, most: int = 50) -> int:
        for done in range(most):
            try:
                await run.before(50, "openai")
            except BudgetExceeded:
                return done
            await run.after(USED)
        return most

    async def spent(self, scope: str = AGENT) -> Spending:
        day = int(self.world.wall() // 86_400)
        return (await self.store.spent([scope], day))[scope]


@pytest.mark.parametrize(
    ("limit", "requests"),
    [
        (SpendingLimit(turns=3), 3),
        (SpendingLimit(tokens=250), 3),
        (SpendingLimit(money=0.5), 2),
        (SpendingLimit(), 50),
    ],
)
@pytest.mark.parametrize("of", ["task", "caller", "agent"])
async def test_each_limit_of_each_scope(limit: SpendingLimit, requests: int, of: str):
    spender = Spender(Budgets(**{of: limit}))
    run = spender.run(task="t_1")
    assert await spender.until_refused(run) == requests
    assert (await spender.spent()).requests == requests, "a refused request is not counted"
    assert await spender.until_refused(spender.run("ada", "t_1")) == (
        requests if requests > 9 else 0
    )
    others = await spender.until_refused(spender.run("bob", "t_2"))
    assert others == (0 if of == "agent" and requests < 9 else requests)
    await spender.store.close()


async def test_what_is_refused_says_what_is_spent_and_whether_anything_was_done():
    spender = Spender(Budgets(caller=SpendingLimit(turns=1)))
    run = spender.run()
    await run.before(1, "openai")
    await run.after(USED)
    with pytest.raises(
        BudgetExceeded, match=r"The budget of ada for one day is spent: 1 turns\."
    ) as late:
        await run.before(1, "openai")
    with pytest.raises(BudgetExceeded) as first:
        await spender.run().before(1, "openai")
    assert (late.value.outcome, first.value.outcome) == ("unknown", "definite")
    await spender.store.close()


@pytest.mark.parametrize("slots", [1, 8])
async def test_n_at_once_exceed_a_budget_by_n_requests_at_most(slots: int):
    spender = Spender(Budgets(agent=SpendingLimit(money=1.0)))

    async def slot() -> None:
        run = spender.run()
        for _ in range(100):
            await run.before(50, "openai")
            await asyncio.sleep(0)
            await run.after(USED)

    ends = await asyncio.gather(*(slot() for _ in range(slots)), return_exceptions=True)
    assert all(isinstance(end, BudgetExceeded) for end in ends)
    assert 1.0 <= (await spender.spent()).money <= 1.0 + slots * 0.25
    await spender.store.close()


async def test_what_a_kill_or_a_dead_stream_leaves_is_counted_by_estimate():
    spender = Spender(Budgets(agent=SpendingLimit(tokens=500)))
    await spender.run().before(200, "openai")  # the process dies here: nothing sets it right
    run = spender.run()
    await run.before(200, "openai")
    await run.after(Usage(1, 150, 30, estimated=True))
    await run.close()
    spent = await spender.spent()
    assert (spent.requests, spent.tokens) == (2, 380)
    await spender.store.close()


async def test_a_days_budget_is_there_again_on_the_next_day():
    spender = Spender(Budgets(caller=SpendingLimit(turns=2)))
    assert await spender.until_refused(spender.run()) == 2
    spender.world.advance(86_400)
    assert await spender.until_refused(spender.run()) == 2
    await spender.store.close()


async def test_time_counts_while_a_run_takes_it():
    spender = Spender(Budgets(task=SpendingLimit(seconds=10), caller=SpendingLimit(seconds=15)))
    run = spender.run()
    await run.before(1, "openai")
    spender.world.advance(9)
    await run.after(USED)
    await run.before(1, "openai")
    spender.world.advance(1)
    await run.after(USED)
    with pytest.raises(BudgetExceeded, match="this task"):
        await run.before(1, "openai")
    await run.close()
    again = spender.run()
    await again.before(1, "openai")
    spender.world.advance(6)
    await again.close()
    with pytest.raises(BudgetExceeded, match="ada for one day"):
        await spender.run().before(1, "openai")
    assert (await spender.spent()).seconds == pytest.approx(16.0)
    await spender.store.close()


async def test_tokens_of_a_minute_are_waited_for(monkeypatch: pytest.MonkeyPatch):
    spender = Spender(Budgets(tokens_per_minute=600))
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    runs = [spender.run() for _ in range(3)]
    monkeypatch.setattr("chatixia.agent.model.budget.asyncio.sleep", wait)
    for run in runs:
        await run.before(600, "openai")
    assert waits == [60.0]
    await spender.run().before(600, "anthropic")
    assert waits == [60.0], "another provider counts for itself"
    await runs[0].after(Usage(1, 300, 0))
    await runs[0].before(1, "openai")
    assert waits == [60.0, pytest.approx(90.0)]
    await spender.store.close()
