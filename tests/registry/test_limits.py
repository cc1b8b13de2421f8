"""Buckets run dry, refill, and keep their memory bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.errors import Overloaded
from chatixia.registry.limits import RateLimits, is_loopback, origin
from tests.registry.clock import Clock


@given(st.lists(st.floats(0, 10), max_size=200), st.integers(1, 20), st.floats(0.1, 5))
def test_a_key_never_gives_more_than_its_rate(waits: list[float], burst: int, rate: float):
    clock, taken = Clock(), 0
    start, limits = clock.now, RateLimits(clock, burst, rate)
    for wait in waits:
        clock.now += wait
        taken += limits.take("a")
    assert taken <= burst + (clock.now - start) * rate + 1e-6


def test_failures_bar_one_address_only_and_for_a_while():
    clock = Clock()
    limits = RateLimits(clock, 3, 0.5)
    for _ in range(3):
        limits.check("a")
        limits.failed("a")
    with pytest.raises(Overloaded):
        limits.check("a")
    limits.check("b")
    clock.now += 2.0
    limits.check("a")


def test_the_least_used_key_is_forgotten():
    limits = RateLimits(Clock(), 1, 0.0001, keys=2)
    for key in ("a", "b", "c"):
        assert limits.take(key)
    assert limits.take("a") and not limits.take("c")


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "?"),
    ],
)
def test_an_address_counts_by_its_64(address: str, counts_as: str):
    assert origin(address) == counts_as


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_known_by_what_it_counts_as(address: str):
    assert is_loopback(origin(address))
    assert not is_loopback(origin("192.0.2.127")) and not is_loopback(origin("2001:db8::1"))
