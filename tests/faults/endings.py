"""Planted faults about how work ends: leases, stops, restarts, and what a skill raises."""

from __future__ import annotations

from typing import Any

from .breaks import Fault


def too_high(original: Any) -> Any:
    """Take what is below BaseException alone for nobody's answer."""
    return lambda error, *rest: original(error, *rest) or not isinstance(error, Exception)


FAULTS: list[Fault] = [
    Fault(
        "panic-untold",
        "whatever a skill raises is its answer, at once",
        {
            "chatixia.peer.work:ends": too_high,
            "chatixia.agent.failing:is_an_end": too_high,
        },
        (
            "tests/peer/test_work.py::test_each_end_is_reported[panics]",
            "tests/agent/test_runtime.py::test_whatever_a_skill_raises_is_its_answer[panics]",
        ),
    ),
]
