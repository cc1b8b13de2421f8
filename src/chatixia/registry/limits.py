"""How often something may happen for a key, such as an address, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

from chatixia.core.rates import TokenBucket
from chatixia.errors import Overloaded
from chatixia.world import World


class RateLimits:
    """A bucket per key (an address): ``burst`` tokens, then ``rate`` a second.

    The least recently used goes when there are more than ``keys``.
    """

    def __init__(self, world: World, burst: float, rate: float, keys: int = 4096) -> None:
        self._world, self._burst, self._rate, self._keys = world, burst, rate, keys
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise Overloaded if ``key`` has failed too often lately."""
        bucket = self._buckets.get(key)
        if bucket is not None and bucket.wait(self._world.monotonic()) > 0:
            raise Overloaded("Too many failed attempts from here; try again later.")

    def failed(self, key: str) -> None:
        """Count one failure of ``key``."""
        bucket = self._bucket(key)
        if not bucket.take(self._world.monotonic()):
            bucket.level = 0.0

    def take(self, key: str) -> bool:
        """Use one token of ``key``."""
        return self._bucket(key).take(self._world.monotonic())

    def give(self, key: str) -> None:
        """Give a token of ``key`` back."""
        self._bucket(key).give()

    def _bucket(self, key: str) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = TokenBucket(self._burst, 1 / self._rate, self._world.monotonic())
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
