"""Shares: how much of a bound one holder may fill, so that nobody takes it all.

A holder is a machine with all its agents and clients, all machines of one reusable invitation
together, or an API key or person alone. One holder may fill three quarters of a bound; the last
quarter is for holders of under a sixteenth.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Annotated, Final, Generic, Protocol, TypeVar

import msgspec

from chatixia.wire.base import MIB

T = TypeVar("T")
Count = Annotated[int, msgspec.Meta(ge=16, le=2**62)]
SMALL: Final = 16
"""A holder of under one part in so many may have some of the last quarter."""
OPEN_TASKS: Final = 200_000
STORED_BYTES: Final = 4096 * MIB
VERBS: Final = 1024
SOCKETS: Final = 4096
SCHEMA_BYTES: Final = 32 * MIB
RETRY_AFTER: Final = 5.0
"""Seconds after which who is over a share may try again."""


class ShareLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A registry's bounds that holders share, as ``registry.yaml`` may set them.

    ``open_tasks``: that have not ended; ``stored_bytes``: of tasks and their results on disk;
    ``verbs``: at once; ``sockets``: logged in; ``schema_bytes``: of the skills of all agents.
    """

    open_tasks: Count = OPEN_TASKS
    stored_bytes: Count = STORED_BYTES
    verbs: Count = VERBS
    sockets: Count = SOCKETS
    schema_bytes: Count = SCHEMA_BYTES


class ProvenParty(Protocol):
    """A principal of the registry, or the member at the far end of a link."""

    @property
    def id(self) -> str:
        """Its own id."""
        ...

    @property
    def machine(self) -> str | None:
        """The machine behind it, if there is one."""
        ...

    @property
    def invitation(self) -> str:
        """The key id of the reusable invitation by which that machine joined, or ""."""
        ...


def holder_of(party: ProvenParty) -> str:
    """Whose share ``party`` uses. The marks keep an invitation, a key or a person from a machine of
    the same name."""
    if party.invitation:
        return f"+{party.invitation}"
    return party.machine or f"@{party.id}"


def fits(total: int, used: int, share: int, more: int) -> bool:
    """Whether a holder that has ``share`` of the ``used`` may have ``more`` of ``total``."""
    used += more
    if 4 * used <= 3 * total:
        return True
    return used <= total and share + more <= small(total)


def easy(total: int) -> int:
    """While less than this of a bound is used, anybody may have one more."""
    return 3 * total // 4


def small(total: int) -> int:
    """What a holder may have of a bound that is three quarters full: a sixteenth, at least one."""
    return max(1, total // SMALL)


def over(total: int, used: int, share: int) -> bool:
    """Whether a holder must give some back, where what it holds can be taken from it.

    A sixteenth before it would be refused more, so that who uses much is not stopped; and where
    many small ones have filled the bound, anybody.
    """
    return 16 * used > (11 if share > small(total) else 15) * total


class FairQueue(Generic[T]):
    """Items that wait, holders in turn and each holder's own in their order."""

    __slots__ = ("_lines", "_many")

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._many = 0

    def __len__(self) -> int:
        return self._many

    def __iter__(self) -> Iterator[T]:
        return (item for line in self._lines.values() for item in line)

    def append(self, holder: str, item: T) -> None:
        """Behind what ``holder`` has here already."""
        line = self._lines.get(holder)
        if line is None:
            line = self._lines[holder] = deque()
        line.append(item)
        self._many += 1

    def head(self) -> T:
        """What :meth:`popleft` would give. Raises IndexError if nothing waits."""
        for line in self._lines.values():
            return line[0]
        raise IndexError

    def popleft(self) -> T:
        """The first item of the holder whose turn it is, which is behind all others then."""
        if not self._many:
            raise IndexError
        holder, line = next(iter(self._lines.items()))
        item = line.popleft()
        self._many -= 1
        if line:
            self._lines.move_to_end(holder)
        else:
            del self._lines[holder]
        return item

    def holders(self) -> list[str]:
        """Who has something here, whose turn it is first."""
        return list(self._lines)

    def of(self, holder: str) -> int:
        """How many of ``holder`` wait."""
        return len(self._lines.get(holder, ()))

    def first(self, holder: str) -> T:
        """What :meth:`pop` would give. Raises KeyError."""
        return self._lines[holder][0]

    def serve(self, holder: str) -> T:
        """As :meth:`popleft`, with ``holder`` in place of the one whose turn it is."""
        item = self.pop(holder)
        if holder in self._lines:
            self._lines.move_to_end(holder)
        return item

    def pop(self, holder: str) -> T:
        """The first item of ``holder``, whose turn stays where it is. Raises KeyError."""
        line = self._lines[holder]
        item = line.popleft()
        self._many -= 1
        if not line:
            del self._lines[holder]
        return item

    def clear(self) -> None:
        """Forget all."""
        self._lines.clear()
        self._many = 0


class Shares:
    """What each holder has of one bound; who has nothing is not remembered."""

    __slots__ = ("by_holder", "total", "used")

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0
        self.by_holder: dict[str, int] = {}

    def of(self, holder: str) -> int:
        """What ``holder`` has."""
        return self.by_holder.get(holder, 0)

    def items(self) -> list[tuple[str, int]]:
        """Each holder with what it has."""
        return list(self.by_holder.items())

    def fits(self, holder: str, more: int = 1) -> bool:
        """Whether ``holder`` may have ``more``."""
        if 4 * (self.used + more) <= 3 * self.total:
            return True  # most of the time, so no holder is looked up
        return fits(self.total, self.used, self.by_holder.get(holder, 0), more)

    def add(self, holder: str, by: int = 1) -> None:
        """``holder`` has ``by`` more (or less), whether that fits or not."""
        parts = self.by_holder
        left = parts.get(holder, 0) + by
        self.used += by
        if left:
            parts[holder] = left
        else:
            parts.pop(holder, None)

    def take(self, holder: str, more: int = 1) -> bool:
        """:meth:`add`, if it fits."""
        if not self.fits(holder, more):
            return False
        self.add(holder, more)
        return True

    def over(self, holder: str) -> bool:
        """Whether ``holder`` must give some back."""
        return over(self.total, self.used, self.by_holder.get(holder, 0))

    def greedy(self) -> list[str]:
        """Who must give some back, who has most first."""
        if not over(self.total, self.used, self.total):
            return []
        holders = [holder for holder in self.by_holder if self.over(holder)]
        return sorted(holders, key=self.by_holder.__getitem__, reverse=True)


class ShareUse:
    """What one thing (a connection, a request) has of its holder's share, changed as a whole."""

    __slots__ = ("_holder", "_shares", "size")

    def __init__(self, shares: Shares, holder: str) -> None:
        self._shares, self._holder = shares, holder
        self.size = 0

    def take(self, size: int) -> bool:
        """Have ``size`` in place of what it has, if that fits; else it is as before."""
        if size > self.size and not self._shares.fits(self._holder, size - self.size):
            return False
        self.owe(size)
        return True

    def owe(self, size: int) -> None:
        """:meth:`take`, whether it fits or not."""
        if size != self.size:
            self._shares.add(self._holder, size - self.size)
            self.size = size
