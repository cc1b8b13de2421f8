"""The bytes of one artifact on their way, at either end (links.md section 5).

The receiver pulls: it says how far it has everything and how much more it takes. The sender sends
no byte beyond that, nor beyond the window that delay steers. Frames are not numbered: after a
change of path the receiver pulls again from where it stands.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from chatixia.errors import BadRequest
from chatixia.wire.base import KIB, MIB

RECEIVE_BYTES: Final = 4 * MIB
"""Bytes of one artifact that came and that nobody has taken yet."""
RECEIVE_LEAST_BYTES: Final = 128 * KIB
"""The same where other artifacts hold all that a process takes; enough that it goes on."""
PULL_BYTES: Final = 32 * KIB
"""A receiver says anew how far it is after this many bytes, of one artifact or of all: fewer than
the least window of a link, which all that go over it share."""


class Upload(msgspec.Struct):
    """The sending side of one transfer. All numbers are offsets in the artifact.

    ``sent``: the next byte to send; ``acked``: the receiver has everything below; ``limit``: it
    takes nothing from there on. ``marks``: ends of frames under way, and when each was sent.
    """

    size: int
    sent: int = 0
    acked: int = 0
    limit: int = 0
    marks: deque[tuple[int, float]] = msgspec.field(default_factory=deque)

    @property
    def under_way(self) -> int:
        """Bytes sent and not acknowledged."""
        return self.sent - self.acked

    @property
    def complete(self) -> bool:
        """The receiver has all of it."""
        return self.acked >= self.size

    def room(self, window: int) -> int:
        """How many bytes may be sent now, where ``window`` of the link's are left."""
        return max(0, min(self.limit - self.sent, self.size - self.sent, window))

    def advance(self, count: int, now: float) -> None:
        """``count`` bytes were given to a path."""
        self.sent += count
        self.marks.append((self.sent, now))

    def acknowledge(self, offset: int, window: int, now: float) -> float | None:
        """A pull of a transfer that runs: the delay of the newest frame that it acknowledges, if
        any. Raises BadRequest for bytes that were never sent."""
        if offset > self.sent:
            raise BadRequest("A pull acknowledges bytes that were never sent.")
        self.acked = max(self.acked, offset)
        self.limit = max(self.limit, offset + window)
        at = None
        while self.marks and self.marks[0][0] <= offset:
            at = self.marks.popleft()[1]
        return None if at is None else now - at


class Download(msgspec.Struct):
    """The receiving side. ``received``: everything below came; ``taken``: its reader has that.

    ``granted``: the sender may send everything below; ``pulled``: ``received`` as last told.
    """

    size: int
    received: int = 0
    taken: int = 0
    granted: int = 0
    pulled: int = 0

    @property
    def complete(self) -> bool:
        """All bytes are here."""
        return self.received >= self.size

    @property
    def untold(self) -> int:
        """Bytes that came and that the sender does not know of."""
        return self.received - self.pulled

    def accept(self, offset: int, count: int) -> bool:
        """Whether the bytes are the next ones; others are of a path that is no more in use.

        Raises BadRequest for more than was asked for, or than the artifact has.
        """
        if offset + count > self.granted:
            raise BadRequest("The peer sent more of an artifact than was asked for.")
        if offset != self.received:
            return False
        self.received += count
        return True

    def take(self, count: int) -> None:
        """The reader has ``count`` bytes more."""
        self.taken += count

    @property
    def outstanding(self) -> int:
        """Bytes that may be here, or come without being asked for again, and that nobody took."""
        return self.granted - self.taken

    def pull(self, again: bool = False, most: int = RECEIVE_BYTES) -> tuple[int, int] | None:
        """(offset, window) to tell the sender, or None while it can go on without.

        ``again``: on a new path, or because nothing comes. ``most``: bytes that may be held.
        """
        limit = min(self.size, self.taken + most)
        grown = limit - self.granted >= PULL_BYTES or limit == self.size > self.granted
        grown = grown and self.granted - self.received <= most // 2  # else it can wait
        moved = self.untold
        if not (again or grown or moved >= PULL_BYTES or (moved and self.complete)):
            return None
        self.pulled, self.granted = self.received, max(self.granted, limit)
        return self.received, self.granted - self.received
