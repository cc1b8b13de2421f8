"""Which connections that have proved nothing may stay, which go first, and whose turn it is.

One rule for a whole registry, whatever its listeners speak. A connection is a number that the
caller chose; an address is whatever counts as one (a /64 in IPv6). A newcomer is never turned away:
past a bound the oldest goes, so that what stands idle can keep nobody out. Times are monotonic
seconds, given as ``now``.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Final

import msgspec

from .rates import TokenBucket

KIB: Final = 1024
TOTAL: Final = 768
SHARE: Final = 64
RATE: Final = 50.0
BURST: Final = 200.0
LOOPBACK: Final = 512
LOOPBACK_RATE: Final = 500.0
LOOPBACK_BURST: Final = 1000.0
RESERVE: Final = 64
SECONDS: Final = 10.0
HEADER_BYTES: Final = 64 * KIB
BUFFERED_BYTES: Final = 16 * KIB * KIB
ADDRESSES: Final = 4096
"""Addresses whose rate is remembered, and as many of which a member came lately."""
RESERVE_SECONDS: Final = 86_400.0


Count = Annotated[int, msgspec.Meta(ge=1, le=65_536)]
Rate = Annotated[float, msgspec.Meta(ge=1, le=1_000_000)]


class AdmissionLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What those who have proved nothing may hold.

    ``total``: connections; ``share``, ``rate`` (a second) and ``burst``: of one address;
    ``loopback``, ``loopback_rate`` and ``loopback_burst``: the same for an address of this very
    machine; ``reserve``: more for an address from which a member came within a day; ``seconds``:
    to prove itself, or between requests; ``header_bytes``: request line and headers;
    ``held_bytes``: half read and unsent, of all.
    """

    total: Count = TOTAL
    share: Count = SHARE
    rate: Rate = RATE
    burst: Rate = BURST
    loopback: Count = LOOPBACK
    loopback_rate: Rate = LOOPBACK_RATE
    loopback_burst: Rate = LOOPBACK_BURST
    reserve: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = RESERVE
    seconds: Annotated[float, msgspec.Meta(ge=0.5, le=600)] = SECONDS
    header_bytes: Annotated[int, msgspec.Meta(ge=KIB, le=KIB * KIB)] = HEADER_BYTES
    held_bytes: Annotated[int, msgspec.Meta(ge=64 * KIB)] = BUFFERED_BYTES


class PendingConnection:
    """One that has proved nothing. ``until``: when it must have."""

    __slots__ = ("address", "buffered", "until")

    def __init__(self, address: AddressUse, until: float) -> None:
        self.address, self.until, self.buffered = address, until, 0


class AddressUse:
    """What one address holds: its connections, oldest first, and those that wait for a turn."""

    __slots__ = ("_newest", "bucket", "buffered", "connections", "name", "near", "waiting")

    def __init__(self, name: str, near: bool, bucket: TokenBucket) -> None:
        self.name, self.near, self.bucket = name, near, bucket
        self.connections: OrderedDict[int, PendingConnection] = OrderedDict()
        self.waiting: OrderedDict[int, None] = OrderedDict()
        self.buffered = 0
        self._newest = False

    def next(self) -> int:
        """Who of those that wait has the turn: the newest and the oldest alternately.

        The newest alone would starve under many that come and go, the oldest alone would wait
        behind a crowd that stands.
        """
        self._newest = not self._newest
        return self.waiting.popitem(last=self._newest)[0]


class Admission:
    """The connections that have proved nothing, within :class:`Bounds`.

    Methods that take one in give those that must go for it, which are forgotten already.
    """

    def __init__(self, bounds: AdmissionLimits) -> None:
        self.bounds = bounds
        self._addresses: OrderedDict[str, AddressUse] = OrderedDict()
        self._busy: dict[str, AddressUse] = {}
        self._turns: OrderedDict[str, AddressUse] = OrderedDict()
        self._members: OrderedDict[str, float] = OrderedDict()
        self._connections: dict[int, PendingConnection] = {}
        self._buffered = 0

    def __len__(self) -> int:
        return len(self._connections)

    def __contains__(self, key: int) -> bool:
        return key in self._connections

    @property
    def buffered(self) -> int:
        """Bytes that all of them hold."""
        return self._buffered

    def enter(
        self, key: int, name: str, near: bool, now: float, seconds: float | None = None
    ) -> list[int]:
        """A connection comes, or falls back to having proved nothing; it is the youngest now.

        ``near``: its address is of this machine. ``seconds``: its time, if not the usual.
        """
        self.leave(key)
        address = self._address(name, near, now)
        until = now + (self.bounds.seconds if seconds is None else seconds)
        self._connections[key] = address.connections[key] = PendingConnection(address, until)
        self._busy[name] = address
        evicted = []
        if len(address.connections) > self._share(address, now):
            evicted.append(next(iter(address.connections)))
        elif len(self._connections) > self.bounds.total:
            evicted.append(self._first_to_go(now))
        for each in evicted:
            self.leave(each)
        return evicted

    def leave(self, key: int) -> None:
        """It ended, or has proved itself by other means than :meth:`prove`."""
        connection = self._connections.pop(key, None)
        if connection is None:
            return
        self._hold(connection, 0)
        address = connection.address
        del address.connections[key]
        address.waiting.pop(key, None)
        if not address.waiting:
            self._turns.pop(address.name, None)
        if not address.connections:
            self._busy.pop(address.name, None)

    def prove(self, key: int, now: float) -> None:
        """Its credential held: it is out of these bounds, and its address has a reserve."""
        connection = self._connections.get(key)
        if connection is None:
            return
        connection.address.bucket.give()
        self._remember(connection.address.name, now)
        self.leave(key)

    def wait(self, key: int) -> None:
        """It has something to be served; :meth:`turns` says when."""
        connection = self._connections.get(key)
        if connection is not None:
            connection.address.waiting[key] = None
            self._turns[connection.address.name] = connection.address

    def turns(self, now: float, most: int) -> list[int]:
        """Up to ``most`` that may be served now: the addresses take turns, each within its rate."""
        served: list[int] = []
        idle = 0
        while len(served) < most and idle < len(self._turns):
            name, address = next(iter(self._turns.items()))
            self._turns.move_to_end(name)
            if not address.bucket.take(now):
                idle += 1
                continue
            idle = 0
            served.append(address.next())
            if not address.waiting:
                del self._turns[name]
        return served

    def next_turn(self, now: float) -> float | None:
        """Seconds until one of those who wait has its turn; None if nobody waits."""
        return min((each.bucket.wait(now) for each in self._turns.values()), default=None)

    def spend(self, key: int, now: float) -> bool:
        """A request that proved nothing costs what a connection does; False above the rate."""
        connection = self._connections.get(key)
        return connection is None or connection.address.bucket.take(now)

    def hold(self, key: int, size: int) -> list[int]:
        """It holds so many bytes now. Gives those that go, the oldest of whose address holds most,
        until all are within the bound."""
        connection = self._connections.get(key)
        if connection is None:
            return []
        self._hold(connection, size)
        evicted = []
        while self._buffered > self.bounds.held_bytes:
            address = max(self._busy.values(), key=lambda each: each.buffered)
            first = next(each for each, c in address.connections.items() if c.buffered)
            self.leave(first)
            evicted.append(first)
        return evicted

    def overdue(self, now: float, grace: float) -> list[int]:
        """Those whose time is over; each is named again every ``grace`` seconds until it leaves."""
        late = [key for key, each in self._connections.items() if each.until <= now]
        for key in late:
            self._connections[key].until = now + grace
        return late

    def left(self, key: int, now: float) -> float:
        """Seconds that it has to prove itself."""
        connection = self._connections.get(key)
        return self.bounds.seconds if connection is None else max(0.0, connection.until - now)

    # ---- inside

    def _share(self, address: AddressUse, now: float) -> int:
        share = self.bounds.loopback if address.near else self.bounds.share
        return share + self._reserve(address.name, now)

    def _reserve(self, name: str, now: float) -> int:
        return self.bounds.reserve if self._members.get(name, 0.0) > now else 0

    def _first_to_go(self, now: float) -> int:
        """The oldest of the address with most, where a reserve does not count."""
        most = max(
            self._busy.values(),
            key=lambda each: len(each.connections) - self._reserve(each.name, now),
        )
        return next(iter(most.connections))

    def _hold(self, connection: PendingConnection, size: int) -> None:
        more = size - connection.buffered
        connection.buffered = size
        connection.address.buffered += more
        self._buffered += more

    def _remember(self, name: str, now: float) -> None:
        self._members[name] = now + RESERVE_SECONDS
        self._members.move_to_end(name)
        if len(self._members) > ADDRESSES:
            self._members.popitem(last=False)

    def _address(self, name: str, near: bool, now: float) -> AddressUse:
        address = self._addresses.get(name)
        if address is None:
            rate = self.bounds.loopback_rate if near else self.bounds.rate
            burst = self.bounds.loopback_burst if near else self.bounds.burst
            self._forget()
            address = self._addresses[name] = AddressUse(
                name, near, TokenBucket(burst, 1 / rate, now)
            )
        self._addresses.move_to_end(name)
        return address

    def _forget(self) -> None:
        """Forget the rate of the address unheard of longest, of those that hold nothing."""
        if len(self._addresses) >= ADDRESSES:
            idle = (name for name, each in self._addresses.items() if not each.connections)
            self._addresses.pop(next(idle, ""), None)
