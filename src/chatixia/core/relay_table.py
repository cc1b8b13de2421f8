"""The relay's streams as the registry knows them: between whom, and how many bytes are on the way.

A stream is a pair of members and an attempt. It exists once ``relay_open`` of one and
``relay_ready`` of the other passed, and until either login ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Final, NamedTuple

from chatixia.errors import BadRequest, Denied, NotFound, Overloaded
from chatixia.wire.base import KIB, MIB
from chatixia.wire.relay import RELAY_WINDOW

from .shares import RETRY_AFTER, Shares

PAIR_STREAMS: Final = 2
"""Streams of one pair, those that are only asked for among them; for a new one the oldest that is
not open ends, else the oldest."""
READY_SECONDS: Final = 10.0
"""Seconds for ``relay_ready`` to follow ``relay_open``."""
SOCKET_BYTES: Final = 2 * MIB
"""Bytes that wait for one slow receiver."""
LEAST_WINDOW: Final = 32 * KIB
MAX_ATTEMPT: Final = 2**32 - 1

Pair = tuple[str, str]


def pair_of(one: str, other: str) -> Pair:
    """Two ids in their order."""
    return (one, other) if one < other else (other, one)


class RelayParty(NamedTuple):
    """An end of a stream: its id, and whose share it uses (core.shares)."""

    id: str
    holder: str


class RelayFlow:
    """One direction of a stream, in bytes since its start. ``holder``: the sender's.

    ``sent``: taken from the sender; ``written``: handed to the receiver's socket; ``wanted``: what
    the receiver allows; ``allowed``: what the sender was allowed. So no more than a window waits
    here, whatever a receiver promises that does not read.
    """

    __slots__ = ("allowed", "holder", "sent", "wanted", "written")

    def __init__(self, holder: str) -> None:
        self.holder = holder
        self.sent = self.written = 0
        self.wanted = self.allowed = RELAY_WINDOW

    def take(self, size: int) -> bool:
        """``size`` bytes more came from the sender; False if that is over its credit."""
        if self.sent + size > self.allowed:
            return False
        self.sent += size
        return True

    def credit(self, total: int, window: int) -> bool:
        """The receiver allows ``total`` in all; whether the sender is to hear of more credit."""
        self.wanted = max(self.wanted, total)
        return self._allow(window, 1)

    def write(self, size: int, window: int) -> bool:
        """``size`` bytes went to the receiver; whether the sender is to hear of more credit."""
        self.written += size
        return self.allowed < self.wanted and self._allow(window, window // 4)

    def _allow(self, window: int, least: int) -> bool:
        allowed = min(self.wanted, self.written + window)
        more = allowed - self.allowed
        if more <= 0 or (more < least and allowed < self.wanted):
            return False
        self.allowed = allowed
        return True


class RelayStream:
    """One stream; ``flows`` by the id of the sender; it counts for the share of its opener."""

    __slots__ = ("attempt", "ended", "flows", "holder", "is_open", "openers", "pair", "since")

    def __init__(self, opener: RelayParty, target: RelayParty, attempt: int, since: float) -> None:
        self.pair = pair_of(opener.id, target.id)
        self.attempt, self.holder, self.since = attempt, opener.holder, since
        self.openers: set[str] = set()
        self.is_open = self.ended = False
        self.flows = {end.id: RelayFlow(end.holder) for end in (opener, target)}

    def other(self, end: str) -> str:
        """The id at the far end from ``end``."""
        return self.pair[1] if end == self.pair[0] else self.pair[0]


class RelayTable:
    """All streams. ``total``: how many there may be, which holders (core.shares) share."""

    def __init__(self, total: int) -> None:
        self.shares = Shares(total)
        self._streams: dict[Hashable, RelayStream] = {}
        self._pairs: dict[Pair, list[RelayStream]] = {}
        self._unready: dict[RelayStream, None] = {}
        self._of: dict[str, dict[RelayStream, None]] = {}
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._streams)

    def find(self, one: str, other: str, attempt: int) -> RelayStream | None:
        """The open stream of two ids."""
        stream = self._streams.get((pair_of(one, other), attempt))
        return stream if stream is not None and stream.is_open else None

    def ask(
        self, opener: RelayParty, target: RelayParty, attempt: int, now: float
    ) -> tuple[RelayStream, RelayStream | None]:
        """``opener`` wants a stream: the stream, and the one that ended to make room for it.

        Raises BadRequest, Denied if that stream is open, Overloaded above its share.
        """
        if not 0 <= attempt <= MAX_ATTEMPT:
            raise BadRequest("An attempt of the relay is a number of 32 bits.")
        self._expire(now)
        stream = self._streams.get((pair_of(opener.id, target.id), attempt))
        oldest = None
        if stream is None:
            if not self.shares.take(opener.holder):
                raise Overloaded("Too many relay streams of this machine.", retry_after=RETRY_AFTER)
            stream = RelayStream(opener, target, attempt, now)
            oldest = self._add(stream)
        elif stream.is_open:
            raise Denied("This relay stream is open.")
        stream.openers.add(opener.id)
        return stream, oldest

    def _add(self, stream: RelayStream) -> RelayStream | None:
        of_pair, oldest = self._pairs.get(stream.pair, []), None
        if len(of_pair) >= PAIR_STREAMS:
            oldest = next((one for one in of_pair if not one.is_open), of_pair[0])
            self.end(oldest)
        self._pairs.setdefault(stream.pair, []).append(stream)
        self._streams[stream.pair, stream.attempt] = stream
        self._unready[stream] = None
        for end in stream.pair:
            self._of.setdefault(end, {})[stream] = None
        return oldest

    def ready(self, source: str, target: str, attempt: int) -> RelayStream:
        """``source`` agrees to the stream that ``target`` wants. Raises NotFound."""
        stream = self._streams.get((pair_of(source, target), attempt))
        if stream is None or stream.is_open or target not in stream.openers:
            raise NotFound("Nobody waits for this relay_ready.")
        stream.is_open = True
        del self._unready[stream]
        self._open.update(stream.pair)
        return stream

    def end(self, stream: RelayStream) -> None:
        """It is over; again is no harm."""
        if stream.ended:
            return
        stream.ended = True
        self.shares.add(stream.holder, -1)
        del self._streams[stream.pair, stream.attempt]
        self._unready.pop(stream, None)
        self._pairs[stream.pair].remove(stream)
        if not self._pairs[stream.pair]:
            del self._pairs[stream.pair]
        for end in stream.pair:
            self._leave(end, stream)

    def _leave(self, end: str, stream: RelayStream) -> None:
        del self._of[end][stream]
        if not self._of[end]:
            del self._of[end]
        if stream.is_open:
            self._open[end] -= 1
            if not self._open[end]:
                del self._open[end]

    def end_all(self, member: str) -> list[RelayStream]:
        """The login of ``member`` ended: those of its streams that were open."""
        streams = list(self._of.get(member, ()))
        for stream in streams:
            self.end(stream)
        return [stream for stream in streams if stream.is_open]

    def window(self, receiver: str, waiting: int) -> int:
        """Bytes of one stream that may wait for ``receiver``: fewer where it has many streams and
        is slow, with much ``waiting`` for it already."""
        if 2 * waiting <= SOCKET_BYTES:
            return RELAY_WINDOW
        each = SOCKET_BYTES // max(1, self._open[receiver])
        return min(RELAY_WINDOW, max(LEAST_WINDOW, each))

    def _expire(self, now: float) -> None:
        while self._unready:
            oldest = next(iter(self._unready))
            if now - oldest.since < READY_SECONDS:
                return
            self.end(oldest)
