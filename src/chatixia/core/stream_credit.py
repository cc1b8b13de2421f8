"""Credit of one relay stream, both ways: how much may go, and when to give more.

Numbers are running totals of bytes of the stream. The receiver gives credit for what it has taken,
a quarter of the window at a time, so that few messages go for it.
"""

from __future__ import annotations

from chatixia.errors import Denied
from chatixia.wire.relay import RELAY_WINDOW


class StreamCredit:
    """``sent`` and ``received``: so far; ``window``: how far one end may be ahead of the other."""

    __slots__ = ("_allowed", "_granted", "_window", "received", "sent")

    def __init__(self, window: int = RELAY_WINDOW) -> None:
        self.sent = self.received = 0
        self._window = self._allowed = self._granted = window

    @property
    def room(self) -> int:
        """Bytes that may be sent now."""
        return self._allowed - self.sent

    def spend(self, size: int) -> None:
        """So many bytes were sent."""
        self.sent += size

    def extend(self, total: int) -> None:
        """The receiver says how many may be sent in all. A lower number than before says nothing;
        a higher one than the window allows counts as that."""
        self._allowed = max(self._allowed, min(total, self.sent + self._window))

    def receive(self, size: int) -> None:
        """So many bytes came. Raises Denied if that is more than was granted."""
        if self.received + size > self._granted:
            raise Denied("It sent more on the relay than its credit allows.")
        self.received += size

    def grant(self) -> int:
        """All that came is taken: the total to tell the sender now, 0 for nothing to tell yet."""
        total = self.received + self._window
        if total - self._granted < self._window // 4:
            return 0
        self._granted = total
        return total
