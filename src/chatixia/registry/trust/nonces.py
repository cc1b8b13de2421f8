"""Single-use nonces in memory: given out, taken back once, forgotten when old.

A restart forgets them all, which only makes a client ask again.
"""

from __future__ import annotations

from collections import OrderedDict

from chatixia.wire.signed import b64
from chatixia.world import World

NONCE_SECONDS = 60.0
"""Seconds within which a nonce must come back."""
MAX_NONCES = 16_384


class Nonces:
    """At most :data:`MAX_NONCES` open nonces of 128 bits, good once, for :data:`NONCE_SECONDS`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: OrderedDict[str, float] = OrderedDict()

    def give(self) -> str:
        """A fresh nonce as base64url.

        When too many are open the oldest is forgotten: whoever asks for nonces and uses none
        would otherwise keep everybody out for :data:`NONCE_SECONDS`.
        """
        now = self._world.monotonic()
        self._forget(now)
        if len(self._open) >= MAX_NONCES:
            self._open.popitem(last=False)
        nonce = b64(self._world.token(16))
        self._open[nonce] = now + NONCE_SECONDS
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
