"""How many links open at once follows what one takes."""

from chatixia.core.opening_window import FIRST, LEAST, OPEN_AT_ONCE, SLOW_SECONDS, OpeningWindow


def test_one_more_for_each_that_opens_in_time_up_to_a_bound():
    window = OpeningWindow()
    for n in range(100):
        window.ended(n, n + 0.1, opened=True)
        assert window.size == min(FIRST + n + 1, OPEN_AT_ONCE)


def test_one_that_is_refused_at_once_says_nothing():
    window = OpeningWindow()
    window.ended(0.0, 0.1, opened=False)
    assert window.size == FIRST


def test_half_of_them_once_for_all_that_began_together_and_never_none():
    window = OpeningWindow()
    now = SLOW_SECONDS
    for _ in range(FIRST):
        window.ended(0.0, now, opened=True)
    assert window.size == FIRST // 2
    window.ended(0.0, now + 5, opened=False)
    assert window.size == FIRST // 2, "it began before the change"
    for n in range(1, 10):
        window.ended(now * n, now * n + SLOW_SECONDS, opened=False)
    assert window.size == LEAST


def test_it_grows_again():
    window = OpeningWindow()
    window.ended(0.0, 8.0, opened=False)
    window.ended(9.0, 9.1, opened=True)
    assert window.size == FIRST // 2 + 1
