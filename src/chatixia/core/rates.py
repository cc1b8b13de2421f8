"""A bucket of tokens: a burst, then one every so often. Time is an argument."""

from __future__ import annotations


class TokenBucket:
    """At most ``size`` tokens, one more every ``every`` seconds; full at the start."""

    __slots__ = ("_at", "_every", "_size", "level")

    def __init__(self, size: float, every: float, now: float) -> None:
        self._size, self._every, self._at = size, every, now
        self.level = size

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        self.level = min(self._size, self.level + max(0.0, now - self._at) / self._every)
        self._at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def give(self) -> None:
        """Put one back: what it was taken for turned out to be honest."""
        self.level = min(self._size, self.level + 1)

    def wait(self, now: float) -> float:
        """Seconds until the next :meth:`take` succeeds; 0 if it would now."""
        level = self.level + max(0.0, now - self._at) / self._every
        return max(0.0, (1 - level) * self._every)
