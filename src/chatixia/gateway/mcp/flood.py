"""How much a server may send: what comes faster is a flood, and ends the connection."""

from __future__ import annotations

from typing import Final

from chatixia.core.rates import ByteRate
from chatixia.errors import TooLarge
from chatixia.wire.base import MIB
from chatixia.world import REAL, World

SPEED: Final = 4 * MIB
"""Bytes a second of one server."""
BURST_S: Final = 4.0
MAX_MESSAGE: Final = 4 * MIB
"""Bytes of one message of a server."""


class FloodGuard:
    """Counts what one connection brings."""

    def __init__(self, world: World = REAL) -> None:
        self._world = world
        self._rate = ByteRate(SPEED, BURST_S, world.monotonic())

    def count(self, size: int) -> None:
        """Bytes that came. Raises TooLarge once they are too many."""
        now = self._world.monotonic()
        if not self._rate.ready(now):
            raise TooLarge(f"The server sends more than {SPEED} bytes a second.")
        self._rate.spend(size, now)
