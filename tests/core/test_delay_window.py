"""The window of artifacts: it fills a path that nobody else uses, and gives way to calls."""

from __future__ import annotations

import random

import pytest

from chatixia.core.delay_window import BASE_SECONDS, LEAST, MOST, DelayWindow
from chatixia.wire.base import KIB


def run(window: DelayWindow, rate: float, trip: float, seconds: float, busy: bool) -> float:
    """Drive it over a link of ``rate`` bytes/s and ``trip`` seconds; the mean throughput."""
    now, moved = window._turned or 100.0, 0
    window._turned = now
    end = now + seconds
    while now < end:
        size = window.size
        delay = max(trip, size / rate)
        now += delay
        moved += size
        window.sample(delay, size, now, busy)
    return moved / seconds


@pytest.mark.parametrize(("rate", "trip"), [(120e6, 0.0005), (20e6, 0.05), (5e6, 0.02)])
def test_alone_it_fills_the_path(rate: float, trip: float):
    window = DelayWindow()
    run(window, rate, trip, 3.0, busy=False)
    reached = run(window, rate, trip, 3.0, busy=False)
    assert reached > 0.8 * min(rate, MOST / trip)


@pytest.mark.parametrize(("rate", "trip"), [(120e6, 0.0005), (20e6, 0.05)])
def test_beside_calls_it_adds_little_delay(rate: float, trip: float):
    window = DelayWindow()
    run(window, rate, trip, 2.0, busy=False)
    run(window, rate, trip, 2.0, busy=True)
    added = window.size / rate - trip
    assert window.size == LEAST or added <= 2 * max(0.001, 0.25 * trip)


def test_it_keeps_its_bounds_whatever_is_measured():
    chance = random.Random(7)
    window, now = DelayWindow(), 0.0
    for _ in range(20_000):
        now += chance.random() / 100
        window.sample(chance.random() ** 8, chance.randrange(512 * KIB), now, chance.random() < 0.5)
        assert LEAST <= window.size <= MOST


def test_a_path_that_became_longer_is_its_own_measure_after_a_while():
    window = DelayWindow()
    window.sample(0.001, 1, 100.0, False)
    window.sample(0.050, 1, 101.0 + BASE_SECONDS, False)
    window.sample(0.050, 1, 102.0 + 2 * BASE_SECONDS, False)
    assert window.base == 0.050


def test_another_path_starts_anew():
    window = DelayWindow()
    run(window, 120e6, 0.0005, 1.0, busy=False)
    window.reset()
    assert (window.size, window.base) == (DelayWindow().size, float("inf"))
