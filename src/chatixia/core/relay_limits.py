"""How much the registry relays: its settings, and the bytes a second of each pair and machine."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Final, TypeVar

import msgspec

from .rates import ByteRate

_K = TypeVar("_K")

MB: Final = 1_000_000
RELAY_STREAMS: Final = 4096
MACHINE_MB_PER_S: Final = 100.0
PAIR_MB_PER_S: Final = 60.0
"""A registry of two cores that relays more leaves the verbs of others waiting."""
TOTAL_MB_PER_S: Final = 200.0
BURST_SECONDS: Final = 0.05
"""What nobody used for so long may be sent at once."""
MAX_RATES: Final = 4096
"""Machines, and pairs, whose rates are remembered; the longest unused goes."""

MegabytesPerSecond = Annotated[float, msgspec.Meta(ge=0.01, le=100_000)]


class RelayLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``enabled``: whether the registry relays at all; ``streams``: at once, which machines share;
    ``mb_per_s``: megabytes a second that one machine sends; ``mb_per_s_pair``: two agents to each
    other; ``mb_per_s_total``: all together."""

    enabled: bool = True
    streams: Annotated[int, msgspec.Meta(ge=16, le=2**20)] = RELAY_STREAMS
    mb_per_s: MegabytesPerSecond = MACHINE_MB_PER_S
    mb_per_s_pair: MegabytesPerSecond = PAIR_MB_PER_S
    mb_per_s_total: MegabytesPerSecond = TOTAL_MB_PER_S


class RelayRates:
    """The rates of all machines and pairs, and of all together. ``now``: seconds, monotonic."""

    def __init__(self, limits: RelayLimits, now: float) -> None:
        self._limits = limits
        self._total = _rate(limits.mb_per_s_total, now)
        self._machines: OrderedDict[str, ByteRate] = OrderedDict()
        self._pairs: OrderedDict[tuple[str, str], ByteRate] = OrderedDict()

    def wait(self, holder: str, pair: tuple[str, str], now: float) -> float:
        """Seconds until ``holder`` (core.shares) may send more to that pair's other end."""
        machine, both = self._of(holder, pair, now)
        return max(self._total.wait(now), machine.wait(now), both.wait(now))

    def spend(self, holder: str, pair: tuple[str, str], size: int, now: float) -> None:
        """``size`` bytes were let through."""
        for rate in (self._total, *self._of(holder, pair, now)):
            rate.spend(size, now)

    def take(self, holder: str, pair: tuple[str, str], size: int, now: float) -> bool:
        """Let ``size`` bytes through, if that need not wait."""
        total = self._total
        machine, both = self._of(holder, pair, now)
        if not (total.ready(now) and machine.ready(now) and both.ready(now)):
            return False
        total.spend(size, now)
        machine.spend(size, now)
        both.spend(size, now)
        return True

    def _of(self, holder: str, pair: tuple[str, str], now: float) -> tuple[ByteRate, ByteRate]:
        return (
            _remembered(self._machines, holder, self._limits.mb_per_s, now),
            _remembered(self._pairs, pair, self._limits.mb_per_s_pair, now),
        )


def _remembered(rates: OrderedDict[_K, ByteRate], key: _K, speed: float, now: float) -> ByteRate:
    rate = rates.get(key)
    if rate is None:
        rate = rates[key] = _rate(speed, now)
        if len(rates) > MAX_RATES:
            rates.popitem(last=False)
    rates.move_to_end(key)
    return rate


def _rate(speed: float, now: float) -> ByteRate:
    return ByteRate(speed * MB, BURST_SECONDS, now)
