"""Buckets: a burst, then one every so often, and no credit beyond the size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.rates import ByteRate, TokenBucket


def test_a_burst_then_one_every_six_seconds():
    bucket = TokenBucket(10, 6.0, 0.0)
    assert sum(bucket.take(0.0) for _ in range(20)) == 10
    assert not bucket.take(5.9)
    assert bucket.take(6.1)
    assert not bucket.take(6.2)


def test_one_given_back_may_be_taken_again_and_never_more_than_its_size():
    bucket = TokenBucket(2, 6.0, 0.0)
    bucket.give()
    assert bucket.level == 2
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0)] == [True, True, False]
    bucket.give()
    assert bucket.take(0.0)


@given(st.lists(st.floats(0, 100), max_size=200))
def test_never_more_than_the_burst_and_the_time_allow(steps):
    bucket, now, taken = TokenBucket(10, 6.0, 0.0), 0.0, 0
    for step in steps:
        now += step
        taken += bucket.take(now)
        assert taken <= 10 + now / 6.0 + 1e-6


def test_how_long_until_the_next():
    bucket = TokenBucket(2, 6, 0)
    assert bucket.wait(0) == 0 and bucket.take(0) and bucket.take(0)
    assert bucket.wait(0) == 6 and bucket.wait(4) == 2 and bucket.wait(9) == 0
    assert bucket.take(6)


def test_bytes_go_until_the_rate_is_overdrawn_and_again_when_it_is_paid():
    rate = ByteRate(1000.0, 0.5, 0.0)
    rate.spend(499, 0.0)
    assert rate.wait(0.0) == 0
    rate.spend(2001, 0.0)
    assert rate.wait(0.0) == pytest.approx(2.0) and rate.wait(1.0) == pytest.approx(1.0)
    assert rate.wait(2.0) == 0
    rate.spend(500 + 1000, 100.0)
    assert rate.wait(100.0) == pytest.approx(1.0), "no more is saved up than the burst"
