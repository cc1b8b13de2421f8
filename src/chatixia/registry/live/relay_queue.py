"""What the relay has for one socket: credit, then data of the senders in turn, within rates."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from chatixia.core.rates import TokenBucket
from chatixia.core.relay_limits import RelayRates
from chatixia.core.relay_table import SOCKET_BYTES, RelayFlow, RelayStream
from chatixia.core.shares import FairQueue, Shares
from chatixia.registry.call import BinaryLine
from chatixia.wire.relay import credit_message

ANSWER_RATE: Final = (64.0, 0.25)
"""Answers to wrong messages of one login: a burst, and the seconds for one more after it."""


class RelayItem(NamedTuple):
    """A message that waits. ``sender``: the id that it comes from; ``size``: bytes of data in it;
    ``stream``: None where the registry itself answers what belongs to none."""

    stream: RelayStream | None
    sender: str
    message: bytes
    size: int = 0


class RelayRoute(NamedTuple):
    """Where data of one stream's end goes, as long as the stream lives: found by the header that
    its messages have. ``head``: theirs when they go on; ``source``: the id they come from."""

    stream: RelayStream
    flow: RelayFlow
    source: str
    head: bytes
    queue: RelayQueue


class RelayQueue:
    """Messages for one socket. ``waiting``: bytes that wait at all sockets; ``now``: seconds,
    monotonic; ``written`` is told of data that was taken out; ``wake`` calls the socket's writer,
    ``line`` gives what can be written to without it, if that is so now.

    ``routes``: of what comes from that socket.
    """

    def __init__(
        self,
        waiting: Shares,
        rates: RelayRates,
        now: Callable[[], float],
        written: Callable[[RelayStream, str, int], None],
        wake: Callable[[], None],
        line: Callable[[], BinaryLine | None] = lambda: None,
    ) -> None:
        self._waiting, self._rates, self._now = waiting, rates, now
        self._written, self._wake, self._line = written, wake, line
        self.routes: dict[bytes, RelayRoute] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.answers = TokenBucket(*ANSWER_RATE, now())
        self._own = Shares(SOCKET_BYTES)
        self._items: FairQueue[RelayItem] = FairQueue()
        self._credits: deque[tuple[RelayStream, str]] = deque()
        self._due: set[tuple[RelayStream, str]] = set()

    def __len__(self) -> int:
        return len(self._items) + len(self._credits)

    @property
    def size(self) -> int:
        """Bytes that wait here."""
        return self._own.used

    def put(self, holder: str, item: RelayItem) -> bool:
        """Data of ``holder`` (core.shares); False if there is no room for it."""
        if not (self._items or self._credits) and self._pass(holder, item):
            return True
        size = len(item.message)
        if not (self._own.fits(holder, size) and self._waiting.fits(holder, size)):
            return False
        self.put_always(holder, item)
        return True

    def _pass(self, holder: str, item: RelayItem) -> bool:
        """Write it now, where nothing is before it and the rates let it through."""
        line, stream = self._line(), item.stream
        if line is None or stream is None:
            return False
        if not self._rates.take(holder, stream.pair, item.size, self._now()):
            return False
        line.write(item.message)
        self._written(stream, item.sender, item.size)
        return True

    def put_always(self, holder: str, item: RelayItem) -> None:
        """The end of a stream, behind its data; and what is few by other bounds."""
        self._add(holder, len(item.message))
        self._items.append(holder, item)
        self._wake()

    def put_credit(self, stream: RelayStream, sender: str) -> None:
        """``sender``, whose queue this is, may send more on ``stream``; one message for several."""
        if (stream, sender) not in self._due:
            self._due.add((stream, sender))
            self._credits.append((stream, sender))
            self._wake()

    def pop(self) -> bytes | None:
        """The next message; None if there is none, or none that may go now."""
        while self._credits:
            stream, sender = due = self._credits.popleft()
            self._due.discard(due)
            if not stream.ended:
                allowed = stream.flows[sender].allowed
                return credit_message(stream.other(sender), stream.attempt, allowed)
        return self._data() if self._items else None

    def _data(self) -> bytes | None:
        now, waits = self._now(), []
        for holder in self._items.holders():
            wait = self._wait(holder, self._items.first(holder), now)
            if wait <= 0:
                return self._take(holder, now)
            waits.append(wait)
        self._retry(min(waits))
        return None

    def _retry(self, seconds: float) -> None:
        """The rates let nothing through for so long."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._again)

    def _again(self) -> None:
        self._timer = None
        self._wake()

    def _wait(self, holder: str, item: RelayItem, now: float) -> float:
        if item.stream is None or not item.size:
            return 0.0
        return self._rates.wait(holder, item.stream.pair, now)

    def _take(self, holder: str, now: float) -> bytes:
        item = self._items.serve(holder)
        self._add(holder, -len(item.message))
        if item.stream is not None and item.size:
            self._rates.spend(holder, item.stream.pair, item.size, now)
            self._written(item.stream, item.sender, item.size)
        return item.message

    def _add(self, holder: str, size: int) -> None:
        self._own.add(holder, size)
        self._waiting.add(holder, size)

    def clear(self) -> None:
        """Forget all: the socket has ended."""
        self.routes.clear()
        for holder, size in self._own.items():
            self._add(holder, -size)
        self._items.clear()
        self._credits.clear()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
