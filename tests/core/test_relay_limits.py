"""Bytes a second of machines, of pairs and of all together."""

from __future__ import annotations

import pytest

from chatixia.core import relay_limits
from chatixia.core.relay_limits import BURST_SECONDS, MB, RelayLimits, RelayRates

ONE, OTHER = ("a", "b"), ("a", "c")


def test_a_machine_sends_at_its_rate_whatever_pairs_it_has():
    rates = RelayRates(RelayLimits(mb_per_s=1.0), 0.0)
    rates.spend("m", ONE, int(MB * BURST_SECONDS), 0.0)
    assert rates.wait("m", ONE, 0.0) == 0
    rates.spend("m", ONE, MB, 0.0)
    assert rates.wait("m", OTHER, 0.0) == pytest.approx(1.0)
    assert rates.wait("n", OTHER, 0.0) == 0
    assert rates.wait("m", ONE, 1.0) == pytest.approx(0.0)


def test_a_pair_sends_at_its_rate_both_ways_together():
    rates = RelayRates(RelayLimits(mb_per_s_pair=1.0), 0.0)
    rates.spend("m", ONE, MB, 0.0)
    rates.spend("n", ONE, MB, 0.0)
    assert rates.wait("n", ONE, 0.0) == pytest.approx(2 - BURST_SECONDS)
    assert rates.wait("m", OTHER, 0.0) == 0


def test_all_together_send_at_the_total():
    rates = RelayRates(RelayLimits(mb_per_s_total=1.0), 0.0)
    for n in range(4):
        rates.spend(f"m{n}", ("a", f"b{n}"), MB, 0.0)
    assert rates.wait("new", OTHER, 0.0) == pytest.approx(4 - BURST_SECONDS)


def test_what_is_taken_at_once_is_within_every_rate_or_costs_nothing():
    rates = RelayRates(RelayLimits(mb_per_s=1.0, mb_per_s_pair=2.0, mb_per_s_total=20.0), 0.0)
    assert rates.take("m", ONE, MB, 0.0) and not rates.take("m", OTHER, MB, 0.0)
    assert not rates.take("n", ONE, MB, 0.0)
    assert rates.wait("n", OTHER, 0.0) == 0
    assert rates.take("n", OTHER, 1, 0.0)
    assert rates.take("m", OTHER, MB, 2.0)


def test_rates_are_remembered_in_bounded_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(relay_limits, "MAX_RATES", 4)
    rates = RelayRates(RelayLimits(), 0.0)
    for n in range(20):
        rates.spend(f"m{n}", ("a", f"b{n}"), 1, 0.0)
    assert len(rates._machines) == len(rates._pairs) == 4
