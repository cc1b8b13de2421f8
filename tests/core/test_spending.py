"""Limits of spending: each alone stops the next request, and 0 stops nothing."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.spending import (
    AGENT,
    Budgets,
    Spending,
    SpendingLimit,
    SpendingScope,
    TokenRates,
    day_of,
    refusal,
    scopes,
)

counts = st.integers(0, 10**9)
spendings = st.builds(
    Spending, counts, counts, counts, st.integers(0, 10**6), st.integers(0, 10**6)
)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (SpendingLimit(turns=3), "3 turns"),
        (SpendingLimit(tokens=30), "30 tokens"),
        (SpendingLimit(money=0.5), "0.5 US dollars"),
        (SpendingLimit(seconds=9), "9 seconds"),
    ],
)
def test_each_limit_alone_stops_what_reaches_it(limit: SpendingLimit, words: str):
    assert limit.reached(Spending(3, 10, 20, 0.5, 9.0)) == words
    assert not limit.reached(Spending(2, 10, 19, 0.49, 8.9))
    assert words in refusal([(SpendingScope("s", "ada", limit), Spending(3, 10, 20, 0.5, 9.0))])


@given(spendings)
def test_no_limit_stops_nothing(spent: Spending):
    assert not SpendingLimit().reached(spent)
    assert not refusal((scope, spent) for scope in scopes(Budgets(), "ada", "t"))


@given(spendings, spendings)
def test_what_was_estimated_can_be_taken_back(one: Spending, other: Spending):
    assert one + other + -other == one
    assert (one + other).tokens == one.tokens + other.tokens


def test_a_request_counts_for_its_task_its_caller_and_its_agent():
    budgets = Budgets(SpendingLimit(1), SpendingLimit(2), SpendingLimit(3))
    assert [(s.name, s.limit.turns) for s in scopes(budgets, "ada", "t_x")] == [
        ("task t_x", 1),
        ("caller ada", 2),
        (AGENT, 3),
    ]
    assert len(scopes(budgets, "ada")) == 2
    names = {scope.name for caller in ("agent", "x") for scope in scopes(budgets, caller, "agent")}
    assert len(names) == 4, "no caller or task is called as the agent's own scope"


def test_money_is_seen_in_any_limit():
    some = SpendingLimit(money=1.0)
    assert not Budgets(SpendingLimit(5), tokens_per_minute=4).has_money
    assert all(b.has_money for b in (Budgets(task=some), Budgets(caller=some), Budgets(agent=some)))


def test_a_day_is_one_of_utc():
    assert [day_of(0.0), day_of(86_399.9), day_of(86_400.0)] == [0, 0, 1]


def test_tokens_of_a_minute():
    assert TokenRates(Budgets()).of("openai", 0.0) is None
    rates = TokenRates(Budgets(tokens_per_minute=600))
    rate, other = rates.of("openai", 0.0), rates.of("anthropic", 0.0)
    assert rate is not None and other is not None and rates.of("openai", 1.0) is rate
    assert rate.wait(0.0) == 0.0
    rate.spend(900, 0.0)
    assert (rate.wait(0.0), other.wait(0.0)) == (pytest.approx(30.0), 0.0)
    rate.spend(-300, 0.0)
    assert rate.wait(0.0) == 0.0


@pytest.mark.parametrize("bad", ['{"turns": -1}', '{"tokens": 1.5}', '{"x": 1}', '{"money": "1"}'])
def test_a_limit_is_a_number_and_known(bad: str):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(bad, type=SpendingLimit)
