"""Credit and order of streamed items."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.streams import STREAM_WINDOW, Inflow, Outflow, cost
from chatixia.errors import BadRequest


@given(st.permutations(range(12)))
def test_items_are_read_in_their_order(order):
    flow = Inflow()
    flow.end(12)
    for n in order:
        assert not flow.ended
        flow.put(n, b"%d" % n)
    assert flow.ended
    assert [flow.take() for _ in range(12)] == [b"%d" % n for n in range(12)]


@given(st.lists(st.integers(0, 3 * STREAM_WINDOW), max_size=40))
def test_a_sender_within_its_credit_is_never_refused_and_never_stuck(sizes):
    out, back = Outflow(), Inflow()
    for size in sizes:
        if not out.fits(size):
            back.wanted = out.want(size)
            assert not out.want(size)
            out.allowed = max(out.allowed, back.grant())
        while not out.fits(size):
            assert back.items, "stuck: nothing to read, and no credit"
            back.take()
            out.allowed = max(out.allowed, back.grant())
        back.put(out.take(size), bytes(size))


def test_a_sender_beyond_its_credit_is_refused():
    flow = Inflow()
    flow.put(0, bytes(STREAM_WINDOW))
    with pytest.raises(BadRequest):
        flow.put(1, b"x")


def test_events_keep_their_place_and_cost_their_bytes():
    flow = Inflow()
    flow.put(1, b'""', event=b"second")
    flow.put(0, b"first")
    flow.put(2, b"third")
    assert flow.charged == len(b'first""secondthird')
    assert [(flow.take(), flow.event) for _ in range(3)] == [
        (b"first", b""),
        (b'""', b"second"),
        (b"third", b""),
    ]
    assert flow.taken == flow.charged


def test_events_of_a_peer_that_does_not_count_them_cost_nothing():
    flow = Inflow(counts_events=False)
    for n in range(40):
        flow.put(n, b'""', event=bytes(4000))
    assert flow.charged == 80


def test_a_double_item_is_refused():
    flow = Inflow()
    flow.put(0, b"x")
    with pytest.raises(BadRequest):
        flow.put(0, b"x")


def test_an_item_costs_at_most_the_window_and_at_least_one():
    assert [cost(n) for n in (0, 5, STREAM_WINDOW * 9)] == [1, 5, STREAM_WINDOW]


def test_streams_share_nothing():
    assert Inflow().early is not Inflow().early
