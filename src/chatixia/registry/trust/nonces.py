"""Single-use nonces in memory: given out, taken back once, forgotten when old.

A restart forgets them all, which only makes a client ask again.
"""

from __future__ import annotations

from collections import OrderedDict

from chatixia.errors import Overloaded
from chatixia.wire.signed import b64
from chatixia.world import World

LIFE = 60.0
"""Seconds within which a nonce must come back."""
MOST = 16_384


class Nonces:
    """At most :data:`MOST` open nonces of 128 bits, each good once within :data:`LIFE`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: OrderedDict[str, float] = OrderedDict()

    def give(self) -> str:
        """A fresh nonce as base64url. Raises Overloaded when too many are open."""
        now = self._world.monotonic()
        self._forget(now)
        if len(self._open) >= MOST:
            raise Overloaded
        nonce = b64(self._world.token(16))
        self._open[nonce] = now + LIFE
        return nonce

    def take(self, nonce: str) -> bool:
        """Whether ``nonce`` was open; it is not any more."""
        self._forget(self._world.monotonic())
        return self._open.pop(nonce, None) is not None

    def _forget(self, now: float) -> None:
        while self._open and next(iter(self._open.values())) <= now:
            self._open.popitem(last=False)
