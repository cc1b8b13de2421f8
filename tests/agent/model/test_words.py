"""Usage adds up, and a price that is missing is not a price of nothing."""

from __future__ import annotations

from chatixia.agent.model.words import Usage


def test_usage_adds_up():
    total = Usage(1, 10, 5, 2, 0.25) + Usage(1, 1, 1, 1, 0.5, estimated=True)
    assert total == Usage(2, 11, 6, 3, 0.75, estimated=True)


def test_a_sum_without_any_price_has_none():
    assert (Usage(1) + Usage(1)).cost is None
    assert (Usage(1) + Usage(1, cost=0.5)).cost == 0.5
    assert Usage().money == 0.0
