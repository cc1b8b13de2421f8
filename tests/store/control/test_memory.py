"""What the writer keeps in memory can always be thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.errors import Conflict
from chatixia.store.control import memory
from chatixia.store.control.database import open_writer
from chatixia.store.control.tx import Transaction


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    db = open_writer(tmp_path / "registry.db", 1.0)
    made = Transaction(db, 1)
    made.begin(10.0)
    yield made
    made.abandon()
    db.close()


def test_places_rise_for_one_submitter_and_start_at_the_present_for_another():
    queues = memory.TaskQueues()
    mine = [queues.place("d", "echo", 0, "pi") for _ in range(3)]
    assert mine == [0, 1, 2]
    queues.serve("d", "echo", 0, 2)
    assert queues.place("d", "echo", 0, "bob") == 2
    assert queues.place("d", "echo", 5, "bob") == 0  # another priority, another line


def test_a_task_that_comes_back_is_not_behind_those_served_since():
    queues = memory.TaskQueues()
    for turn in range(5):
        queues.place("d", "echo", 0, "bob")
        queues.serve("d", "echo", 0, turn)
    assert queues.again("d", "echo", 0, 1, ready=True) == 1
    assert queues.again("d", "echo", 0, 9, ready=True) == 4
    assert queues.again("d", "new", 0, 9, ready=False) == 0
    assert queues.holding("d", ["echo", "new"]) == ["echo"]


def test_an_empty_queue_is_forgotten_whole():
    queues = memory.TaskQueues()
    queues.place("d", "echo", 0, "bob")
    queues.place("d", "other", 0, "bob")
    assert queues.any()
    queues.empty("d", "echo")
    assert queues.holding("d", ["echo", "other"]) == ["other"]
    assert queues.place("d", "echo", 0, "bob") == 0


def test_places_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "MAX_PLACES", 10)
    queues = memory.TaskQueues()
    for n in range(100):
        queues.place("d", "echo", 0, f"agent-{n}")
    assert queues._size <= 11
    assert queues._size == sum(map(len, queues._places.values()))


def test_it_is_loaded_from_rows():
    queues = memory.TaskQueues()
    queues.load([("d", "echo", 0, "bob", 7, 3), ("d", "echo", 0, "eve", 5, 5)])
    assert queues.place("d", "echo", 0, "bob") == 8
    assert queues.place("d", "echo", 0, "new") == 3


class Open:
    """A transaction at one time, whose undos can be called."""

    now = 10.0

    def __init__(self) -> None:
        self.undos: list[object] = []

    def undo(self, call: object) -> None:
        self.undos.append(call)

    def back(self) -> None:
        while self.undos:
            self.undos.pop()()  # type: ignore[operator]


@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(1, 50)), max_size=40),
    st.sets(st.integers(1, 50), max_size=20),
)
def test_dues_come_in_order_once_a_row_and_come_back_when_undone(
    entries: list[tuple[float, int]], ended: set[int]
):
    dues = memory.DueRows()
    earliest: dict[int, float] = {}
    for when, n in entries:
        dues.add(when, n)
        earliest[n] = min(when, earliest.get(n, when))
    assert dues.first() == min(earliest.values(), default=None)
    over = Open()
    for n in ended:
        dues.drop(over, n)  # type: ignore[arg-type]
    due = sorted(n for n, when in earliest.items() if when <= 10.0)
    tx = Open()
    assert sorted(dues.take(tx, 1000)) == sorted(set(due) - ended)  # type: ignore[arg-type]
    assert dues.take(Open(), 1000) == []  # type: ignore[arg-type]
    tx.back()
    over.back()
    assert sorted(dues.take(Open(), 1000)) == due  # type: ignore[arg-type]


def test_due_times_of_what_ended_leave_memory_at_once():
    dues = memory.DueRows()
    dues.add(7.0, 0)
    for n in range(1, 20_000):
        dues.add(86_400.0 + n, n)
        dues.add(35.0, n)
        dues.drop(Open(), n)  # type: ignore[arg-type]
        assert len(dues._heap) <= memory.SPARE + 3
    assert len(dues) == 1 and dues.first() is not None
    assert dues.take(Open(), 10) == [0]  # type: ignore[arg-type]


def test_a_kept_row_goes_with_its_item(tx: Transaction):
    from .test_task_rows import row

    rows = memory.RowCache()

    def failing(tx: Transaction) -> None:
        rows.keep(tx, row(id="t_x", n=3), b"1")
        assert rows.get(tx, "t_x") is rows.number(tx, 3) is not None
        assert rows.payload(tx, 3) == b"1"
        raise Conflict

    with pytest.raises(Conflict):
        tx.item(failing)
    assert rows.get(tx, "t_x") is None
    assert rows.number(tx, 3) is None


def test_kept_rows_are_bounded(tx: Transaction, monkeypatch: pytest.MonkeyPatch):
    from .test_task_rows import row

    monkeypatch.setattr(memory, "MAX_ROWS", 4)
    rows = memory.RowCache()
    for n in range(20):
        rows.keep(tx, row(id=f"t_{n}", n=n), b"1")
    assert len(rows.by_id) == len(rows._by_number) <= 4
    assert len(rows._payloads) <= 4
