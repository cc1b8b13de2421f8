"""Messages cut and put together, within their bounds."""

import pytest

from chatixia.core.fragments import (
    MAX_LOST,
    MAX_OPEN,
    REASSEMBLY_SECONDS,
    FragmentBudget,
    FragmentScheduler,
    Reassembly,
)
from chatixia.core.frames import CHUNK, Fragment
from chatixia.errors import BadRequest
from chatixia.wire.peer import MAX_MESSAGE


def pump(cutter, reassembly, now=0.0):
    found, order = [], []
    while cutter:
        cut, piece = cutter.peek()
        order.append(cut.id)
        got = reassembly.accept(Fragment(1, 0, cut.id, cut.at, cut.parts, piece), now)
        cutter.take()
        if got is not None:
            found.append(got)
    return found, order


def test_messages_take_turns_and_come_back_whole():
    cutter = FragmentScheduler()
    bodies = [bytes([n]) * (CHUNK * 3 + n) for n in range(12)]
    for body in bodies:
        cutter.add(body, None)
    found, order = pump(cutter, Reassembly())
    assert sorted(found) == sorted(bodies)
    assert order[:MAX_OPEN] == list(range(1, MAX_OPEN + 1))
    assert cutter.bytes == 0


def test_a_message_whose_last_piece_is_full():
    cutter = FragmentScheduler()
    cutter.add(b"x" * (2 * CHUNK), None)
    assert pump(cutter, Reassembly())[0] == [b"x" * (2 * CHUNK)]


def test_only_what_has_not_begun_can_be_withdrawn():
    cutter, begun, unbegun = FragmentScheduler(), object(), object()
    cutter.add(b"x" * (2 * CHUNK), begun)
    cutter.add(b"y" * (2 * CHUNK), unbegun)
    cutter.peek()
    cutter.take()
    assert [cut.note for cut in cutter.unstarted()] == [unbegun]
    assert not cutter.withdraw(begun)
    assert cutter.withdraw(unbegun)
    assert cutter.bytes == 2 * CHUNK


def test_more_than_eight_open_messages_are_refused():
    halves = Reassembly()
    for n in range(MAX_OPEN):
        halves.accept(Fragment(1, 0, n, 0, 2, b"x"), 0.0)
    with pytest.raises(BadRequest):
        halves.accept(Fragment(1, 0, 99, 0, 2, b"x"), 1.0)
    halves.accept(Fragment(1, 0, 99, 0, 2, b"x"), REASSEMBLY_SECONDS + 1)


def test_more_bytes_than_the_bound_are_refused():
    halves = Reassembly()
    piece = b"x" * (MAX_MESSAGE // 2)
    halves.accept(Fragment(1, 0, 1, 0, 3, piece), 0.0)
    halves.accept(Fragment(1, 0, 2, 0, 3, piece), 0.0)
    with pytest.raises(BadRequest):
        halves.accept(Fragment(1, 0, 2, 1, 3, b"x"), 0.0)


@pytest.mark.parametrize(("i", "n"), [(2, 3), (1, 4)])
def test_a_piece_out_of_order_is_refused(i, n):
    halves = Reassembly()
    halves.accept(Fragment(1, 0, 1, 0, 3, b"x"), 0.0)
    with pytest.raises(BadRequest):
        halves.accept(Fragment(1, 0, 1, i, n, b"x"), 0.0)


def test_what_was_given_up_is_passed_over_when_it_goes_on():
    pool = FragmentBudget()
    halves = Reassembly(pool)
    halves.accept(Fragment(1, 0, 1, 0, 3, b"x"), 0.0)
    halves.expire(REASSEMBLY_SECONDS)
    assert halves
    halves.expire(REASSEMBLY_SECONDS + 1)
    assert not halves and halves.bytes == pool.used == 0
    for i in (1, 2):
        assert halves.accept(Fragment(1, 0, 1, i, 3, b"x"), 31.0) is None
    assert halves.accept(Fragment(1, 0, 1, 0, 1, b"new"), 31.0) == b"new"
    assert pool.used == 0


def test_what_was_given_up_is_remembered_within_a_bound():
    halves = Reassembly()
    for n in range(MAX_LOST + 1):
        halves.accept(Fragment(1, 0, n, 0, 2, b"x"), 0.0)
        halves.drop()
    assert halves.accept(Fragment(1, 0, 1, 1, 2, b"x"), 0.0) is None
    with pytest.raises(BadRequest):
        halves.accept(Fragment(1, 0, 0, 1, 2, b"x"), 0.0)


def test_all_peers_together_are_bounded_and_the_longest_waiting_goes_first():
    pool = FragmentBudget(100)
    many = [Reassembly(pool) for _ in range(4)]
    for n, each in enumerate(many[:3]):
        each.accept(Fragment(1, 0, 1, 0, 3, b"x" * 30), float(n))
    many[0].accept(Fragment(2, 0, 1, 1, 3, b"x"), 3.0)  # it goes on, so the second waits longest
    many[3].accept(Fragment(1, 0, 1, 0, 2, b"x" * 30), 4.0)
    assert [each.bytes for each in many] == [31, 0, 30, 30] and pool.used == 91
    assert many[0].accept(Fragment(3, 0, 1, 2, 3, b"x"), 5.0) is not None
    # One alone is bounded by its own bound, never emptied by itself.
    many[2].accept(Fragment(2, 0, 1, 1, 3, b"x" * 99), 6.0)
    assert [each.bytes for each in many] == [0, 0, 129, 0]


def test_large_messages_wait_for_each_other_where_the_peer_has_no_room_for_both():
    cutter, halves = FragmentScheduler(), Reassembly()
    bodies = [bytes([n]) * (MAX_MESSAGE * 2 // 3) for n in range(3)]
    for body in bodies:
        cutter.add(body, None)
    found, order = pump(cutter, halves)
    assert found == bodies and order == sorted(order)


def test_the_holder_that_has_most_gives_up_its_halves_first():
    pool = FragmentBudget(100)
    honest, greedy = Reassembly(pool), [Reassembly(pool) for _ in range(4)]
    for each in greedy:
        each.belongs("greedy")
    honest.accept(Fragment(1, 0, 1, 0, 2, b"x" * 20), 0.0)  # the longest waiting of all
    honest.belongs("honest")
    for n, each in enumerate(greedy):
        each.accept(Fragment(1, 0, 1, 0, 2, b"x" * 30), float(n))
    assert [each.bytes for each in greedy] == [0, 0, 30, 30] and pool.used == 80
    assert honest.accept(Fragment(2, 0, 1, 1, 2, b"x"), 5.0) == b"x" * 21
