"""A bucket of tokens: a burst, then one every so often; bytes a second. Time is an argument."""

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


class ByteRate:
    """``speed`` bytes a second, and at once what was left unused for ``burst`` seconds.

    A message goes whole as soon as anything may, so it can overdraw once by its own size.
    """

    __slots__ = ("_at", "_left", "_size", "_speed")

    def __init__(self, speed: float, burst: float, now: float) -> None:
        self._speed, self._size, self._at = speed, speed * burst, now
        self._left = self._size

    def wait(self, now: float) -> float:
        """Seconds until the next message may go; 0 if it may now."""
        return max(0.0, -self._after(now) / self._speed)

    def ready(self, now: float) -> bool:
        """Whether the next message may go now."""
        if now > self._at:
            self._left, self._at = self._after(now), now
        return self._left >= 0

    def spend(self, size: int, now: float) -> None:
        """A message of ``size`` bytes went."""
        if now > self._at:
            self._left, self._at = self._after(now), now
        self._left -= size

    def _after(self, now: float) -> float:
        left = self._left + max(0.0, now - self._at) * self._speed
        return left if left < self._size else self._size
