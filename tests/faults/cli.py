"""Planted faults of the command line, and of the sentences that people read there."""

from __future__ import annotations

from .breaks import Fault, always

FAULTS: list[Fault] = [
    Fault(
        "short-day",
        "a submitted task waits a day for whoever is away",
        {"chatixia.client.mesh:_millis": always(300_000)},
        ("tests/client/test_task.py::test_a_submitted_task_has_a_day",),
    ),
]
