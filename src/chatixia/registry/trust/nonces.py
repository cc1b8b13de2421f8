"""Single-use nonces in memory: given out, taken back once, forgotten when old.

A restart forgets them all, which only makes a client ask again.
"""

from __future__ import annotations

from collections import OrderedDict

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
        """A fresh nonce as base64url.

        When too many are open the oldest is forgotten: whoever asks for nonces and uses none
        would otherwise keep everybody out for :data:`LIFE`.
        """
        now = self._world.monotonic()
        self._forget(now)
        if len(self._open) >= MOST:
            self._open.popitem(last=False)
        nonce = b64(self._world.token(16))
        self._open[nonce] = now + LIFE
        return nonce

    def once(self) -> str:
        """A nonce that is not kept here: for a socket, which remembers its own and uses it once."""
        return b64(self._world.token(16))

    def take(self, nonce: str) -> bool:
        """Whether ``nonce`` was open; it is not any more."""
        self._forget(self._world.monotonic())
        return self._open.pop(nonce, None) is not None

    def _forget(self, now: float) -> None:
        while self._open and next(iter(self._open.values())) <= now:
            self._open.popitem(last=False)
