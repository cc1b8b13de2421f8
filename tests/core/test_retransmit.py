"""What tells a lost frame from a slow peer."""

import pytest

from chatixia.core.retransmit import (
    MAX_PATIENCE_TICKS,
    PATIENCE_TICKS,
    SAME_ACKS,
    RetransmitTimer,
)


def ticks_to_resend(timer: RetransmitTimer, oldest: int, most: int = 100) -> int:
    return next(n for n in range(1, most) if timer.tick(oldest, False))


def test_without_progress_the_oldest_goes_again_ever_more_seldom():
    timer = RetransmitTimer()
    waits = [ticks_to_resend(timer, 7) for _ in range(4)]
    assert waits[0] == PATIENCE_TICKS + 1  # the first tick only notes what is oldest
    assert waits == sorted(waits) and waits[-1] <= MAX_PATIENCE_TICKS


def test_progress_starts_the_wait_anew():
    timer = RetransmitTimer()
    ticks_to_resend(timer, 7)
    assert ticks_to_resend(timer, 8) == PATIENCE_TICKS + 1


def test_nothing_is_sent_twice_at_once_and_nothing_where_all_is_acknowledged():
    timer = RetransmitTimer()
    assert not any(timer.tick(7, True) for _ in range(50))
    assert not any(timer.tick(0, False) for _ in range(50))


def test_the_same_ack_again_and_again_names_a_lost_frame():
    timer = RetransmitTimer()
    assert [timer.pure_ack(3, 9) for _ in range(SAME_ACKS + 1)] == [False] * SAME_ACKS + [True]


@pytest.mark.parametrize(("a", "lost"), [(5, True), (8, True), (9, False)])
def test_after_a_loss_each_ack_that_moves_names_the_next_until_all_of_then_is_there(a, lost):
    timer = RetransmitTimer()
    for _ in range(SAME_ACKS + 1):
        timer.pure_ack(3, 9)
    assert timer.pure_ack(a, 12) is lost
