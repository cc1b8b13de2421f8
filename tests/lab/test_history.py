"""The checker of a storm: a good history breaks nothing, and each mutant of it one promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.lab.history import Event, Row, answer, check, read

History = tuple[list[Event], dict[int, Row]]


def good() -> History:
    """Two tasks and two calls: one of each ends well; the others meet a storm."""
    events = [
        Event("submit", 1, once=True),
        Event("submit", 1, "ok"),
        Event("wait", 1),
        Event("run", 1, worker="a", fence="1.1"),
        Event("run", 1, "done", worker="a", fence="1.1"),
        Event("wait", 1, "ok", value=answer(1)),
        Event("submit", 2),
        Event("submit", 2, "unknown", code="registry_unreachable"),
        Event("run", 2, worker="a", fence="1.1"),
        Event("run", 2, worker="b", fence="1.3"),
        Event("run", 2, "done", worker="b", fence="1.3"),
        Event("submit", 3, once=True),
        Event("submit", 3, "definite", code="busy"),
        Event("submit", 4, once=True),
        Event("submit", 4, "ok"),
        Event("wait", 4),
        Event("wait", 4, "definite", code="skill_failed"),
        Event("call", 5, once=True),
        Event("run", 5, worker="a", fence="1.1"),
        Event("call", 5, "ok", value=answer(5)),
        Event("call", 6, once=True),
        Event("call", 6, "definite", code="unreachable"),
        Event("call", 7, once=True),
        Event("run", 7, worker="a", fence="1.2"),
        Event("call", 7, "unknown", code="registry_unreachable"),
        Event("wait", 1, "unknown", code="registry_unreachable"),
    ]
    rows = {
        1: Row("completed", "1.1", answer(1)),
        2: Row("completed", "1.3", answer(2)),
        4: Row("failed", "1.1", code="skill_failed"),
    }
    return events, rows


def lost(events: list[Event], rows: dict[int, Row]) -> None:
    del rows[1]


def unended(events: list[Event], rows: dict[int, Row]) -> None:
    rows[4] = Row("assigned")


def unknown_as_failure(events: list[Event], rows: dict[int, Row]) -> None:
    events.append(Event("submit", 2, "definite", code="registry_unreachable"))


def swapped(events: list[Event], rows: dict[int, Row]) -> None:
    rows[1], rows[2] = rows[2], rows[1]


def changed_after_its_end(events: list[Event], rows: dict[int, Row]) -> None:
    rows[1] = Row("failed", "1.1", code="attempts_exhausted", outcome="unknown")


def busy_wait(events: list[Event], rows: dict[int, Row]) -> None:
    events.append(Event("wait", 1, "definite", code="busy"))


def sure_of_the_unsure(events: list[Event], rows: dict[int, Row]) -> None:
    rows[4] = Row("failed", "1.1", code="skill_failed", outcome="unknown")


def begun_twice(events: list[Event], rows: dict[int, Row]) -> None:
    events.append(Event("run", 1, worker="b", fence="1.2"))
    rows[1] = Row("completed", "1.2", answer(1))


def call_begun_though_refused(events: list[Event], rows: dict[int, Row]) -> None:
    events.append(Event("run", 6, worker="a", fence="1.1"))


def answer_of_another(events: list[Event], rows: dict[int, Row]) -> None:
    events.append(Event("call", 5, "ok", value=answer(6)))


def run_of_nobody(events: list[Event], rows: dict[int, Row]) -> None:
    events.append(Event("run", 99, worker="a", fence="1.1"))


def falling_fence(events: list[Event], rows: dict[int, Row]) -> None:
    events.append(Event("run", 2, worker="b", fence="1.2"))


def stale_completion(events: list[Event], rows: dict[int, Row]) -> None:
    rows[2] = Row("completed", "1.2", answer(2))


MUTANTS: dict[Callable[[list[Event], dict[int, Row]], None], str] = {
    lost: "1 was acknowledged and is gone",
    unended: "4 was acknowledged and never ended: assigned",
    unknown_as_failure: "2 failed with registry_unreachable, definite, and is stored",
    swapped: "was completed with the result of another",
    changed_after_its_end: "1 was waited for, gave 8, and is failed",
    busy_wait: "waiting for 1 failed with busy, definite; it is completed",
    sure_of_the_unsure: "waiting for 4 failed with skill_failed, definite",
    begun_twice: "1 may be tried once and was begun 2 times",
    call_begun_though_refused: "the call 6 failed with unreachable, definite, and was begun",
    answer_of_another: "the call 5 got the answer of another",
    run_of_nobody: "99 was begun and nobody had asked for it",
    falling_fence: "2 came to b under 1.2 after a higher fence",
    stale_completion: "2 was completed under 1.2, and a higher fence had been given out",
}


def test_a_good_history_breaks_nothing():
    assert check(*good()) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_each_mutant_is_caught(mutant: Callable[[list[Event], dict[int, Row]], None]):
    events, rows = good()
    mutant(events, rows)
    found = check(events, rows)
    assert any(MUTANTS[mutant] in line for line in found), found


def test_a_line_that_was_cut_off_is_nothing(tmp_path: Path):
    one = Event("call", 5, "ok", value=36)
    file = tmp_path / "history"
    file.write_bytes(msgspec.json.encode(one) + b"\n" + msgspec.json.encode(one)[:9])
    assert read([file, tmp_path / "none"]) == [one]
