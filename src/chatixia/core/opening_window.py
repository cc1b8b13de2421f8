"""How many links may be under way at once, of those that nobody asked for. Pure.

They share one machine's CPU. More than it can carry outlive their time for a try together, and
begin again together; so the number follows what a link takes.
"""

from __future__ import annotations

from math import inf
from typing import Final

OPEN_AT_ONCE: Final = 16
"""The most, of all agents of a process."""
FIRST: Final = 8
LEAST: Final = 2
SLOW_SECONDS: Final = 2.0
"""A try that takes so long says that there are too many; between far networks one takes less."""


class OpeningWindow:
    """``size`` links at once: one more for each that opens in time, half where a try takes long."""

    def __init__(self) -> None:
        self.size = FIRST
        self._halved_at = -inf

    def ended(self, began: float, now: float, opened: bool) -> None:
        """A try that ``began`` then is over. One from before the last change says nothing new."""
        if began < self._halved_at:
            return
        if now - began >= SLOW_SECONDS:
            self.size, self._halved_at = max(LEAST, self.size // 2), now
        elif opened:
            self.size = min(OPEN_AT_ONCE, self.size + 1)
