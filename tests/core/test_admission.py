"""Who may stay that has proved nothing, and who goes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import admission
from chatixia.core.admission import Admission, AdmissionLimits

SMALL = AdmissionLimits(
    total=6,
    share=3,
    rate=2,
    burst=4,
    loopback=5,
    loopback_rate=4,
    loopback_burst=6,
    reserve=2,
    held_bytes=64 * 1024,
)


def entered(found: Admission, *visits: tuple[int, str], now: float = 0.0) -> list[int]:
    gone: list[int] = []
    for key, name in visits:
        gone += found.enter(key, name, name == "near", now)
    return gone


def test_past_its_share_an_address_loses_its_oldest():
    found = Admission(SMALL)
    assert entered(found, (1, "a"), (2, "a"), (3, "a"), (4, "b")) == []
    assert entered(found, (5, "a")) == [1]
    assert 1 not in found and 2 in found and len(found) == 4


def test_past_the_total_the_address_with_most_loses_its_oldest():
    found = Admission(SMALL)
    entered(found, (1, "b"), (2, "a"), (3, "a"), (4, "a"), (5, "c"), (6, "b"))
    assert entered(found, (7, "d")) == [2]
    assert entered(found, (8, "e")) == [1], "two of b against two of a: b came first"


def test_loopback_has_a_larger_share_and_is_not_exempt():
    found = Admission(SMALL)
    assert entered(found, *((key, "near") for key in range(5))) == []
    assert entered(found, (5, "near")) == [0]


def test_an_address_of_a_member_has_a_reserve_for_a_day():
    found = Admission(SMALL)
    entered(found, (1, "a"))
    found.prove(1, 0.0)
    assert 1 not in found
    assert entered(found, *((key, "a") for key in range(2, 7))) == [], "share and reserve"
    assert entered(found, (7, "a")) == [2]
    for key in range(3, 8):
        found.leave(key)
    later = admission.RESERVE_SECONDS
    assert entered(found, *((key, "a") for key in range(8, 12)), now=later) == [8]


def test_the_reserve_does_not_count_where_the_total_is_full():
    found = Admission(SMALL)
    entered(found, (1, "a"))
    found.prove(1, 0.0)
    entered(found, (2, "a"), (3, "a"), (4, "a"), (5, "b"), (6, "b"), (7, "c"))
    assert entered(found, (8, "d")) == [5], "three less the reserve are one"


def test_turns_are_the_addresses_own_and_within_their_rate():
    found = Admission(AdmissionLimits(rate=2, burst=2, share=60))
    entered(found, *((key, "a") for key in range(6)), (6, "b"))
    for key in range(7):
        found.wait(key)
    assert found.turns(0.0, 10) == [5, 6, 0], "newest and oldest alternately; b is not behind a"
    assert found.turns(0.0, 10) == [] and found.next_turn(0.0) == 0.5
    assert found.turns(0.5, 10) == [4]
    found.leave(1)
    assert found.turns(9.0, 10) == [2, 3]
    assert found.next_turn(9.0) is None


def test_whoever_proved_itself_cost_nothing():
    found = Admission(SMALL)
    for key in range(100):
        entered(found, (key, "a"))
        found.wait(key)
        assert found.turns(0.0, 1) == [key]
        found.prove(key, 0.0)


def test_a_request_that_proves_nothing_costs_a_turn():
    found = Admission(SMALL)
    entered(found, (1, "a"), (2, "b"))
    assert [found.spend(1, 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert found.spend(2, 0.0) and found.spend(1, 0.5)


def test_time_runs_from_the_beginning_and_anew_for_the_next_request():
    found = Admission(SMALL)
    entered(found, (1, "a"))
    assert found.left(1, 4.0) == 6.0 and found.overdue(9.9, 1.0) == []
    assert found.overdue(10.0, 1.0) == [1] and found.overdue(10.5, 1.0) == []
    assert found.overdue(11.0, 1.0) == [1]
    found.enter(1, "a", False, 11.0, 30.0)
    assert found.left(1, 11.0) == 30.0 and len(found) == 1


def test_who_falls_back_is_the_youngest():
    found = Admission(SMALL)
    entered(found, (1, "a"), (2, "a"), (3, "a"), (1, "a"))
    assert entered(found, (4, "a")) == [2]


def test_past_the_bytes_those_that_hold_most_lose_the_oldest_that_holds_any():
    found = Admission(SMALL)
    entered(found, (1, "a"), (2, "a"), (3, "a"), (4, "b"))
    assert found.hold(2, 30_000) == [] and found.hold(3, 20_000) == [] == found.hold(4, 15_000)
    assert found.hold(4, 16_000) == [2]
    assert found.buffered == 36_000
    found.prove(3, 0.0)
    assert found.buffered == 16_000 and found.hold(3, 90_000) == []


def test_addresses_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(admission, "ADDRESSES", 3)
    found = Admission(SMALL)
    for key in range(9):
        entered(found, (key, str(key)))
        found.prove(key, 0.0)
    assert len(found._addresses) <= 3 and len(found._members) <= 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["enter", "leave", "prove", "wait", "turn", "hold", "late"]),
            st.integers(0, 12),
            st.sampled_from("abcd"),
            st.integers(0, 50_000),
            st.floats(0, 3),
        )
    )
)
def test_no_bound_is_ever_passed_and_nothing_is_counted_that_left(steps):
    found, now, waiting = Admission(SMALL), 0.0, set()
    for what, key, name, size, wait in steps:
        now += wait
        if what == "enter":
            gone = found.enter(key, name, name == "a", now)
            assert key not in gone, "a newcomer is never turned away"
            waiting -= {key, *gone}
        elif what == "leave":
            found.leave(key)
            waiting.discard(key)
        elif what == "prove":
            found.prove(key, now)
            waiting.discard(key)
        elif what == "wait" and key in found:
            found.wait(key)
            waiting.add(key)
        elif what == "turn":
            turns = found.turns(now, 2)
            assert len(turns) <= 2 and set(turns) <= waiting
            waiting -= set(turns)
        elif what == "hold":
            waiting -= set(found.hold(key, size))
        elif what == "late":
            assert all(each in found for each in found.overdue(now, 1.0))
        assert len(found) <= SMALL.total and found.buffered <= SMALL.held_bytes
        assert (found.next_turn(now) is None) == (not waiting)
    for key in range(13):
        found.leave(key)
    assert len(found) == found.buffered == 0 and not found._busy and not found._turns
