"""Mesh time runs on, is learned, and never steps back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.meshtime import MAX_NOW, MeshTime


class Clock:
    at = 100.0

    def __call__(self) -> float:
        return self.at


def test_it_runs_from_the_highest_known():
    clock, saved = Clock(), []
    time = MeshTime(1000.0, clock, saved.append)
    clock.at += 5
    assert time.now() == 1005.0
    time.learn(2000.0)
    clock.at += 1
    assert time.now() == 2001.0
    assert saved == [2000.0]


def test_an_earlier_time_changes_nothing():
    time = MeshTime(1000.0, Clock(), lambda now: None)
    for now in (999.0, 0.0, -1.0, float("nan"), float("-inf")):
        time.learn(now)
        assert time.now() == 1000.0


def test_an_absurd_time_is_not_believed():
    time = MeshTime(1000.0, Clock(), lambda now: None)
    for now in (float("inf"), MAX_NOW * 2):
        time.learn(now)
        assert time.now() == 1000.0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1e10)), max_size=20))
def test_it_never_steps_back_and_saves_only_what_rises(steps: list[tuple[float, float]]):
    clock, saved, last = Clock(), [], 0.0
    time = MeshTime(0.0, clock, saved.append)
    for passed, said in steps:
        clock.at += passed
        assert time.now() >= last
        time.learn(said)
        assert time.now() >= max(last, said)
        last = time.now()
    assert saved == sorted(set(saved))
