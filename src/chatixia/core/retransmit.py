"""When frames go again on a path that lives: it loses only by dying, but a dying one may not tell.

Two signs (links.md section 5): ticks without progress, and pure acks that repeat a number because
the frame after it is missing while later ones arrive. Pure.
"""

from __future__ import annotations

from typing import Final

TICK_SECONDS: Final = 0.25
"""How often the driver calls ``tick`` while something is unacknowledged."""
PATIENCE_TICKS: Final = 4
"""Ticks without progress before the oldest frames are sent again."""
MAX_PATIENCE_TICKS: Final = 16
SAME_ACKS: Final = 3
"""Pure acks of the same number after which the next frame goes again."""


class RetransmitTimer:
    """What one side of a session remembers of progress, to tell a loss from a wait."""

    __slots__ = ("_due", "_last_ack", "_oldest", "_recover", "_same_acks", "_ticks")

    def __init__(self) -> None:
        self._oldest = self._ticks = 0
        self._due = PATIENCE_TICKS
        self._same_acks = self._last_ack = self._recover = 0

    def tick(self, oldest: int, resending: bool) -> bool:
        """Whether the oldest frames go again now. ``oldest``: number of the first that is not
        acknowledged, 0 for none; ``resending``: some go again already."""
        if not oldest:
            self._ticks = 0
            return False
        if oldest != self._oldest:
            self._oldest, self._ticks, self._due = oldest, 0, PATIENCE_TICKS
            return False
        self._ticks += 1
        if self._ticks < self._due or resending:
            return False
        self._due += min(self._due + PATIENCE_TICKS, MAX_PATIENCE_TICKS)
        return True

    def pure_ack(self, a: int, last_sent: int) -> bool:
        """Whether the frame after ``a`` is lost: it is missing, and its number was acknowledged
        again and again.

        Until all that was under way then is acknowledged, each ack that moves names the next
        missing one (RFC 6582, New Reno).
        """
        if a != self._last_ack:
            self._last_ack, self._same_acks = a, 0
            return a < self._recover
        self._same_acks += 1
        if self._same_acks % SAME_ACKS:
            return False
        self._recover = last_sent
        return True
