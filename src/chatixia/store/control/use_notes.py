"""What is used often is noted as used once a minute, so that a use is not a write."""

from __future__ import annotations

from math import inf
from typing import Final

NOTE_EVERY: Final = 60.0
"""Seconds between two notes of one use."""
MOST_NOTES: Final = 10_000


class UseNotes:
    """When each was noted last."""

    def __init__(self) -> None:
        self._noted: dict[str, float] = {}

    def is_due(self, id: str, now: float, before: float = -inf) -> bool:
        """Whether to note a use at ``now``; it counts as noted then. ``before``: when it was noted
        by who ran before."""
        if now - self._noted.get(id, before) < NOTE_EVERY:
            return False
        if len(self._noted) >= MOST_NOTES:
            self._noted.clear()
        self._noted[id] = now
        return True
