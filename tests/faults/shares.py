"""Planted faults of shares: what one machine may hold, and what the past costs.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from .breaks import Fault, always

SWEEP = "tests/store/control/test_sweep.py"
MEMORY = "tests/store/control/test_memory.py"

FAULTS: list[Fault] = [
    Fault(
        "past-kept",
        "what ended leaves memory at once",
        {"chatixia.store.control.memory:Dues.drop": always(None)},
        (
            f"{SWEEP}::test_what_ended_leaves_nothing_in_memory_whatever_its_deadline",
            f"{MEMORY}::test_due_times_of_what_ended_leave_memory_at_once",
        ),
    ),
]
