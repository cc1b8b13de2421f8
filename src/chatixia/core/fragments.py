"""Messages over 16 KiB: cut into fragments, put together within bounds (links.md section 5)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from chatixia.errors import BadRequest
from chatixia.wire.base import MIB
from chatixia.wire.peer import MAX_MESSAGE

from .frames import CHUNK, Fragment
from .shares import Shares

MAX_OPEN: Final = 8
"""Fragmented messages open at once, each way."""
REASSEMBLY_SECONDS: Final = 30.0
"""Without a new fragment for this long, a half message is given up."""
ALL_BYTES: Final = 64 * MIB
"""Half messages of all peers together."""
MAX_LOST: Final = 64
"""Messages given up whose further pieces are known as such."""


class OutgoingFragments(msgspec.Struct, eq=False):
    """A message on its way out in pieces. ``note``: whom to tell when it is sent."""

    id: int
    data: bytes
    note: Any
    parts: int
    at: int = 0


class FragmentScheduler:
    """Takes turns between at most 8 open messages; the others wait in order."""

    __slots__ = ("_count", "_open", "_waiting", "bytes")

    def __init__(self) -> None:
        # A few at most, and a deque has 600 bytes from the start, for each of thousands of peers.
        self._open: list[OutgoingFragments] = []
        self._waiting: list[OutgoingFragments] = []
        self._count = 0
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, data: bytes, note: Any) -> None:
        """Cut ``data`` when its turn comes."""
        self._count += 1
        self._waiting.append(
            OutgoingFragments(self._count & 0xFFFFFFFF, data, note, -(-len(data) // CHUNK))
        )
        self.bytes += len(data)
        self._refill()

    def peek(self) -> tuple[OutgoingFragments, bytes]:
        """The next piece and whose it is; it stays until ``take``."""
        cut = self._open[0]
        return cut, cut.data[cut.at * CHUNK : (cut.at + 1) * CHUNK]

    def take(self) -> bool:
        """The piece was sent. Whether it was its message's last."""
        cut = self._open.pop(0)
        cut.at += 1
        if cut.at < cut.parts:
            self._open.append(cut)
            return False
        self.bytes -= len(cut.data)
        self._refill()
        return True

    def withdraw(self, note: Any) -> bool:
        """Forget a message of which nothing was sent yet."""
        for queue in (self._open, self._waiting):
            for cut in queue:
                if cut.note is note and cut.at == 0:
                    queue.remove(cut)
                    self.bytes -= len(cut.data)
                    self._refill()
                    return True
        return False

    def _refill(self) -> None:
        """Open what the peer has room for: its halves of all open messages are within 16 MiB."""
        room = MAX_MESSAGE - sum(len(cut.data) for cut in self._open)
        while self._waiting and len(self._open) < MAX_OPEN and len(self._waiting[0].data) <= room:
            room -= len(self._waiting[0].data)
            self._open.append(self._waiting.pop(0))

    def unstarted(self) -> list[OutgoingFragments]:
        """Messages of which nothing was sent, in order."""
        return [cut for queue in (self._open, self._waiting) for cut in queue if cut.at == 0]


class _Half(msgspec.Struct):
    """``data`` grows in one piece: thousands of small ones would leave the heap full of holes."""

    data: bytearray
    parts: int
    n: int
    at: float


class FragmentBudget:
    """Bytes of half messages over all peers of a process. Above the bound the holder
    (``core.shares``) that has most gives up those that waited longest: who starts much and ends
    nothing costs no other its room.
    """

    __slots__ = ("_order", "_shares")

    def __init__(self, limit: int = ALL_BYTES) -> None:
        self._shares = Shares(limit)
        self._order: dict[Reassembly, None] = {}

    @property
    def used(self) -> int:
        """Bytes held by all."""
        return self._shares.used

    def took(self, message: Reassembly, size: int) -> None:
        """``who`` holds ``size`` more."""
        self._shares.add(message.holder, size)
        self._order.pop(message, None)
        self._order[message] = None
        while self.used > self._shares.total and (victim := self._victim(message)) is not None:
            victim.drop()

    def gave(self, message: Reassembly, size: int) -> None:
        """``who`` holds ``size`` less."""
        self._shares.add(message.holder, -size)
        if not message.bytes:
            self._order.pop(message, None)

    def moves(self, message: Reassembly, holder: str) -> None:
        """What ``who`` has counts for ``holder`` from now on."""
        self._shares.add(message.holder, -message.bytes)
        self._shares.add(holder, message.bytes)

    def _victim(self, but: Reassembly) -> Reassembly | None:
        """The longest waiting of the holder that has most, never ``but``, which goes on."""
        others = (each for each in self._order if each is not but)
        return max(
            others, key=lambda each: self._shares.by_holder.get(each.holder, 0), default=None
        )


class Reassembly:
    """Halves of messages: at most 8, and 16 MiB in all. ``bytes``: what they hold, on the share of
    ``holder``.

    What was given up is not missed later: the pieces of it that still come are passed over, and
    its asker hears of it by the deadline.
    """

    __slots__ = ("_halves", "_lost", "_pool", "bytes", "holder")

    def __init__(self, pool: FragmentBudget | None = None, holder: str = "") -> None:
        self._halves: dict[int, _Half] = {}
        self._lost: dict[int, None] = {}
        self._pool = pool or FragmentBudget()
        self.bytes, self.holder = 0, holder

    def __bool__(self) -> bool:
        return bool(self._halves)

    def belongs(self, holder: str) -> None:
        """It is on that share from now on, with what it has already."""
        self._pool.moves(self, holder)
        self.holder = holder

    def accept(self, f: Fragment, now: float) -> bytes | None:
        """The whole message with its last fragment, else None. BadRequest above a bound."""
        half = self._halves.get(f.id)
        if half is None:
            if f.i and f.id in self._lost:
                return None
            half = self._begin(f, now)
        if f.i != half.parts or f.n != half.n:
            raise BadRequest("A fragment came out of its order.")
        if self.bytes + len(f.data) > MAX_MESSAGE:
            raise BadRequest("Reassembly is bounded to 16 MiB.")
        half.data += f.data
        half.parts += 1
        half.at = now
        self.bytes += len(f.data)
        self._pool.took(self, len(f.data))
        return self._whole(f.id, half) if half.parts == half.n else None

    def _begin(self, f: Fragment, now: float) -> _Half:
        self.expire(now)
        if len(self._halves) >= MAX_OPEN:
            raise BadRequest("More than 8 fragmented messages are open.")
        half = self._halves[f.id] = _Half(bytearray(), 0, f.n, now)
        return half

    def _whole(self, name: int, half: _Half) -> bytes:
        self._end(name)
        return bytes(half.data)

    def _end(self, name: int) -> None:
        size = len(self._halves.pop(name).data)
        self.bytes -= size
        self._pool.gave(self, size)

    def expire(self, now: float) -> None:
        """Give up what got no piece for 30 s."""
        for name, half in list(self._halves.items()):
            if now - half.at > REASSEMBLY_SECONDS:
                self._give_up(name)

    def drop(self) -> None:
        """Give everything up."""
        for name in list(self._halves):
            self._give_up(name)

    def _give_up(self, name: int) -> None:
        self._end(name)
        self._lost[name] = None
        if len(self._lost) > MAX_LOST:
            del self._lost[next(iter(self._lost))]
