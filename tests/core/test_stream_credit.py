"""Credit of a stream: nobody is ahead by more than the window, and it comes back in quarters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.stream_credit import StreamCredit
from chatixia.errors import Denied


def test_no_more_than_the_window_goes_before_the_first_credit():
    credit = StreamCredit(100)
    credit.spend(100)
    assert credit.room == 0
    credit.extend(150)
    assert credit.room == 50


def test_lower_totals_say_nothing_and_none_goes_beyond_the_window():
    credit = StreamCredit(100)
    credit.spend(60)
    credit.extend(10)
    assert credit.room == 40
    credit.extend(2**60)
    assert credit.room == 100


def test_credit_goes_back_a_quarter_of_the_window_at_a_time():
    credit = StreamCredit(100)
    credit.receive(24)
    assert credit.grant() == 0
    credit.receive(1)
    assert credit.grant() == 125
    assert credit.grant() == 0


def test_more_than_was_granted_is_denied():
    credit = StreamCredit(100)
    credit.receive(100)
    with pytest.raises(Denied):
        credit.receive(1)


@given(st.lists(st.integers(1, 40), max_size=200))
def test_two_ends_that_keep_to_it_never_stop_and_never_overrun(sizes: list[int]):
    sender, receiver = StreamCredit(100), StreamCredit(100)
    for size in sizes:
        while sender.room < size:  # all is taken there, so more was granted
            raise AssertionError("the sender waits for credit that nobody owes")
        sender.spend(size)
        receiver.receive(size)
        if total := receiver.grant():
            sender.extend(total)
    assert receiver.received == sender.sent
