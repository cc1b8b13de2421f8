"""How far a request is, as it is reported to its caller: over a link and through the queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chatixia.wire.events import AgentEvent


class Progress(msgspec.Struct, frozen=True):
    """How far a request or task is: a fraction from 0 to 1, a note, a piece of its output, or an
    event of the agent that works on it."""

    fraction: float | None = None
    note: str = ""
    item: Any = None
    event: AgentEvent | None = None


OnProgress = Callable[[Progress], None]
"""The callback of a call that wants to know how far it is."""


def listening(on_progress: OnProgress | None) -> Callable[[float | None, str], None] | None:
    """``on_progress`` as the mesh port calls it."""
    if on_progress is None:
        return None

    def report(fraction: float | None, note: str) -> None:
        on_progress(Progress(fraction, note))

    return report
