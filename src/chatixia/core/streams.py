"""Streamed answers: what is under way on each side (links.md section 5).

A stream item costs its bytes, at most the whole window. Items carry their number: a large one
travels in fragments and is overtaken by small ones, so the reader's side puts them in order.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import msgspec

from chatixia.errors import BadRequest
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.base import KIB

STREAM_WINDOW: Final = 64 * KIB
MAX_BUFFERED: Final = 16_384
"""Items read and not taken, however small they are."""


class Outflow(msgspec.Struct, eq=False):
    """The serving side: ``n`` items sent, bytes ``used`` of those ``allowed``.

    ``waiter``: the driver's, resolved when ``allowed`` grew.
    """

    n: int = 0
    used: int = 0
    allowed: int = STREAM_WINDOW
    reported: int = 0
    waiter: Any = None

    def fits(self, size: int) -> bool:
        """Whether an item of that many bytes may go now."""
        return self.used + cost(size) <= self.allowed

    def want(self, size: int) -> int:
        """The total that an item of that many bytes needs; 0 if that was said already.

        The reader grants by halves of the window, and cannot know that the next item needs more.
        """
        total = self.used + cost(size)
        last, self.reported = self.reported, total
        return 0 if last == total else total

    def take(self, size: int) -> int:
        """Count an item out; its number."""
        self.used += cost(size)
        self.n += 1
        return self.n - 1


class Inflow(msgspec.Struct, eq=False):
    """The asking side. ``items``: what the reader may take now; ``ended``: nothing comes after;
    ``whole``: the peer knows no streams, and the answer is the only item.

    ``tables``: the artifacts of items, by the item's number; ``artifacts``: those of the item that
    was taken last. ``events``, ``event``: the same of what an agent tells beside its text, at the
    cost of its bytes if ``counts_events``. ``waiter``: the driver's, resolved when something
    changed.
    """

    items: deque[bytes] = msgspec.field(default_factory=deque)
    next: int = 0
    early: dict[int, bytes] = {}
    charged: int = 0
    taken: int = 0
    granted: int = STREAM_WINDOW
    wanted: int = 0
    total: int | None = None
    ended: bool = False
    whole: bool = False
    tables: dict[int, tuple[ArtifactInfo, ...]] = {}
    artifacts: tuple[ArtifactInfo, ...] = ()
    events: dict[int, bytes] = {}
    event: bytes = b""
    counts_events: bool = True
    waiter: Any = None

    def put(
        self, n: int, item: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """An item came. BadRequest when the peer breaks its credit or the numbering."""
        self.charged += cost(len(item) + self._event_size(event))
        if self.charged > self.granted or len(self.items) + len(self.early) >= MAX_BUFFERED:
            raise BadRequest("The peer exceeded a stream's credit.")
        if n < self.next or n in self.early:
            raise BadRequest("A stream item came twice.")
        self.early[n] = item
        if table:
            self.tables[n] = table
        if event:
            self.events[n] = event
        while self.next in self.early:
            self.items.append(self.early.pop(self.next))
            self.next += 1
        self.ended = self.next == self.total

    def end(self, total: int) -> None:
        """The stream has ``total`` items; it ends when all are here."""
        self.total = total
        self.ended = self.next >= total

    def take(self) -> bytes:
        """The next item goes to the reader."""
        if self.tables or self.artifacts:
            self.artifacts = self.tables.pop(self.next - len(self.items), ())
        if self.events or self.event:
            self.event = self.events.pop(self.next - len(self.items), b"")
        item = self.items.popleft()
        self.taken += cost(len(item) + self._event_size(self.event))
        return item

    def _event_size(self, event: bytes) -> int:
        return len(event) if self.counts_events else 0

    def grant(self) -> int:
        """A new running total for the peer, or 0 while half the window is open.

        ``wanted``: the total without which the peer's next item cannot go.
        """
        needed = self.granted < self.wanted <= self.taken + STREAM_WINDOW
        if self.granted - self.taken > STREAM_WINDOW // 2 and not needed:
            return 0
        self.granted = self.taken + STREAM_WINDOW
        return self.granted


def cost(size: int) -> int:
    """Credit of an item; at least 1, so that empty ones are bounded too."""
    return min(max(size, 1), STREAM_WINDOW)
