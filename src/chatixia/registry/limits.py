"""Buckets: how often something may happen, per key, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

from chatixia.errors import Overloaded
from chatixia.world import World


class RateBucket:
    """``burst`` tokens, one back every ``1 / rate`` seconds. Times are monotonic seconds."""

    __slots__ = ("burst", "left", "rate", "then")

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self.burst, self.rate = burst, rate
        self.left, self.then = burst, now

    def take(self, now: float) -> bool:
        """Whether there was a token; it is gone then."""
        self.left = min(self.burst, self.left + (now - self.then) * self.rate)
        self.then = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def empty(self, now: float) -> bool:
        """Whether the next :meth:`take` would fail, without taking."""
        return self.left + (now - self.then) * self.rate < 1.0


class RateLimits:
    """A bucket per key (an address); the least recently used goes when there are too many."""

    def __init__(self, world: World, burst: float, rate: float, keys: int = 4096) -> None:
        self._world, self._burst, self._rate, self._keys = world, burst, rate, keys
        self._buckets: OrderedDict[str, RateBucket] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise Overloaded if ``key`` has failed too often lately."""
        bucket = self._buckets.get(key)
        if bucket is not None and bucket.empty(self._world.monotonic()):
            raise Overloaded("Too many failed attempts from here; try again later.")

    def failed(self, key: str) -> None:
        """Count one failure of ``key``."""
        bucket = self._bucket(key)
        if not bucket.take(self._world.monotonic()):
            bucket.left = 0.0

    def clear(self) -> None:
        """Forgive everybody."""
        self._buckets.clear()

    def take(self, key: str) -> bool:
        """Use one token of ``key``."""
        return self._bucket(key).take(self._world.monotonic())

    def _bucket(self, key: str) -> RateBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = RateBucket(self._burst, self._rate, self._world.monotonic())
            self._buckets[key] = bucket
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket


def origin(address: str) -> str:
    """What an address counts as: itself, or its /64 in IPv6 (trust.md section 4)."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"


def is_loopback(address: str) -> bool:
    """Whether what :func:`origin` gave is this very machine: also where tunnels and proxies end."""
    return address.startswith("127.") or address == "::/64"
