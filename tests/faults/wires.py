"""Planted faults that the lab's bad networks show: wires that lose, cuts, peers that are away.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

ACC = "tests/acceptance"


def twice(original: Any) -> Any:
    """Admit each request as if it were new."""

    def admit(self: Any, *rest: Any) -> Any:
        self.known.clear()
        return original(self, *rest)

    return admit


FAULTS: list[Fault] = [
    Fault(
        "nothing-for-the-absent",
        "a call to a peer that is away waits in the queue until it is back",
        {"chatixia.core.route:queues": always(False)},
        (f"{ACC}/test_paths.py::test_a_peer_that_is_back_after_a_while_answers_through_the_queue",),
    ),
]
