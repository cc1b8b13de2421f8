"""The wheel under every deadline."""

from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.timers import TICK, TimerWheel

times = st.lists(st.floats(0, 1000), max_size=50)


@given(times, times)
def test_nothing_fires_early_and_nothing_is_forgotten(due, moments):
    wheel = TimerWheel()
    for n, at in enumerate(due):
        wheel.add((n, at), at)
    left = set(enumerate(due))
    for now in sorted(moments):
        fired = wheel.due(now)
        assert all(at <= now for _, at in fired)
        left -= set(fired)
        assert all(at > now - 2 * TICK for _, at in left)
    assert left == set(wheel.due(2000))


def test_a_timer_taken_back_does_not_fire_and_is_not_waited_for():
    wheel = TimerWheel()
    wheel.add("late", 9.0)
    wheel.add("early", 1.0).discard("early")
    assert wheel.next() == 9.0 + TICK
    assert wheel.due(8.9) == []
    assert wheel.due(9.0 + TICK) == ["late"]
    assert wheel.next() is None


def test_the_one_timer_is_told_when_it_must_move():
    wheel, told = TimerWheel(), []
    wheel.on_earlier = told.append
    for at in (5.0, 6.0, 2.0, 2.0, 3.0):
        wheel.add(object(), at)
    assert told == [5.0 + TICK, 2.0 + TICK]
