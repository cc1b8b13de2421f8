"""Has this host slept, or has it other addresses? Either may have ended paths without a sign."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chatixia.peer.engines.hosts import addresses
from chatixia.world import World

SLEPT_SECONDS: Final = 2.0
"""A clock that runs through sleep gained so much on one that does not."""
LOOK_SECONDS: Final = 2.0
"""Between two looks at the addresses."""
CALM_SECONDS: Final = 10.0
"""Between two changes that count: an interface that comes and goes makes no storm of attempts."""


class HostWatch:
    """Looked at by the monitor's tick. ``read``: this host's addresses beyond loopback."""

    def __init__(self, world: World, read: Callable[[], frozenset[str]] = addresses) -> None:
        self._world, self._read = world, read
        self._asleep = world.boottime() - world.monotonic()
        self._addresses = read()
        self._looked_at = world.monotonic()
        self._changed_at = self._looked_at - CALM_SECONDS

    def slept(self, now: float) -> bool:
        """Whether this host slept since the last look. ``now``: monotonic seconds."""
        asleep = self._world.boottime() - now
        woke, self._asleep = asleep - self._asleep >= SLEPT_SECONDS, asleep
        return woke

    def moved(self, now: float) -> bool:
        """Whether it has other addresses than at the last change."""
        if now - self._looked_at < LOOK_SECONDS or now - self._changed_at < CALM_SECONDS:
            return False
        self._looked_at = now
        before, self._addresses = self._addresses, self._read()
        if self._addresses == before:
            return False
        self._changed_at = now
        return True
