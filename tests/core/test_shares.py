"""Nobody takes it all, whoever asks how often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import shares
from chatixia.core.ports import Principal
from chatixia.core.shares import FairQueue, Shares, ShareUse, easy, fits
from chatixia.ids import AgentId

TOTALS = st.integers(64, 5000)
ASKS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 700)), max_size=120)


@given(TOTALS, ASKS)
def test_a_bound_holds_and_one_alone_fills_three_quarters(total: int, asks: list[tuple[int, int]]):
    book = Shares(total)
    for who, more in asks:
        book.take(f"m{who}", more)
        assert book.used == sum(book.by_holder.values()) <= total
        assert max(book.by_holder.values(), default=0) <= 3 * total // 4
    alone = Shares(total)
    while alone.take("greedy"):
        assert alone.used <= total
    assert alone.used == 3 * total // 4


@given(TOTALS, st.integers(1, 12))
def test_as_many_as_twelve_greedy_machines_leave_four_others_a_sixteenth(total: int, many: int):
    book = Shares(total - total % 16)
    while sum(book.take(f"greedy{n}") for n in range(many)):
        pass
    for name in ("a", "b", "c", "d"):
        for _ in range(shares.small(book.total)):
            assert book.take(name)
    assert not book.take("late") and not book.take("greedy0")


@given(TOTALS)
def test_the_last_quarter_is_for_holders_of_under_a_sixteenth(total: int):
    book = Shares(total)
    while book.take("greedy"):
        pass
    for name in ("a", "b", "c"):
        n = 0
        while book.take(name):
            n += 1
        assert n == shares.small(total)
    assert not book.take("greedy")


@given(TOTALS, ASKS)
def test_what_is_given_back_leaves_nothing(total: int, asks: list[tuple[int, int]]):
    book = Shares(total)
    taken = [(who, more) for who, more in asks if book.take(f"m{who}", more)]
    assert all(book.over(name) for name in book.greedy())
    for who, more in taken:
        book.add(f"m{who}", -more)
    assert (book.used, book.by_holder) == (0, {})
    assert book.greedy() == []


def test_who_must_give_back_is_named_before_it_is_refused():
    assert shares.over(1600, 1101, 200)
    assert fits(1600, 1101, 200, 99)
    assert not shares.over(1600, 1100, 200)
    assert not shares.over(1600, 1500, 100)  # a sixteenth is anybody's
    assert shares.over(1600, 1501, 100)  # unless many have one
    book = Shares(1600)
    for name, held in (("a", 300), ("b", 700), ("c", 90), ("d", 20)):
        book.add(name, held)
    assert book.greedy() == ["b", "a"]
    assert not book.over("c")


def test_a_machine_with_all_it_signs_has_one_share_and_so_have_all_of_one_invitation():
    def holder(kind: str, id: str, machine: str = "", invitation: str = "") -> str:
        who = Principal(AgentId(id), kind, machine=machine, invitation=invitation)
        return shares.holder_of(who)

    assert (
        holder("agent", "a", "pi")
        == holder("client", "pi~abc", "pi")
        == holder("machine", "pi", "pi")
    )
    assert holder("agent", "a", "pi", "K") == holder("agent", "b", "nuc", "K")
    assert (
        len({holder("machine", "x", "x"), holder("key", "x"), holder("agent", "a", "m", "x")}) == 3
    )
    assert holder("key", "x") != holder("key", "y")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=60))
def test_holders_take_turns_and_each_keeps_its_order(items: list[tuple[str, int]]):
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for item in items:
        queue.append(item[0], item)
    assert len(queue) == len(items) and sorted(queue) == sorted(items)
    out: list[tuple[str, int]] = []
    while len(queue):
        first = queue.head()
        out.append(queue.popleft())
        assert out[-1] == first
    for name in "abc":
        mine = [item for item in items if item[0] == name]
        assert [item for item in out if item[0] == name] == mine
        # Before its k-th item nobody else has had more than k.
        for k, place in enumerate([n for n, item in enumerate(out) if item[0] == name]):
            others = [item[0] for item in out[:place] if item[0] != name]
            assert all(others.count(other) <= k + 1 for other in "abc")
    with pytest.raises(IndexError):
        queue.popleft()
    with pytest.raises(IndexError):
        queue.head()
    queue.append("a", ("a", 1))
    queue.clear()
    assert len(queue) == 0 and list(queue) == []


@given(st.integers(1, 1000))
def test_while_less_than_the_easy_part_is_used_anybody_may_have_one_more(total: int):
    for used in range(easy(total)):
        assert fits(total, used, used, 1)


def test_a_holding_changes_as_a_whole_and_a_refusal_leaves_it():
    book = Shares(100)
    one, other = ShareUse(book, "a"), ShareUse(book, "a")
    assert one.take(60) and not other.take(20) and other.take(15)
    assert not one.take(70) and (one.size, book.used) == (60, 75)
    assert book.items() == [("a", 75)]
    one.owe(200)
    assert one.take(190), "less is never refused"
    one.owe(0)
    other.owe(0)
    assert book.used == 0 and not book.by_holder


def test_another_than_the_first_may_be_served_and_is_last_then():
    queue: FairQueue[str] = FairQueue()
    for holder in "abc":
        queue.append(holder, f"{holder}1")
        queue.append(holder, f"{holder}2")
    assert queue.first("b") == "b1" and queue.serve("b") == "b1"
    assert queue.holders() == ["a", "c", "b"] and queue.serve("b") == "b2"
    assert queue.holders() == ["a", "c"] and len(queue) == 4
    with pytest.raises(KeyError):
        queue.first("b")
