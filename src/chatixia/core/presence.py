"""How well an agent is, from when it was last heard; pure.

A socket is a fact: active while it lives, offline when it is lost. An agent of the described
contract only polls, so its silence is judged by the described thresholds.
"""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.wire.registry import Health

STALE_SECONDS: Final = 90.0
OFFLINE_SECONDS: Final = 270.0
FORGET_SECONDS: Final = 86_400.0
"""Who is away for so long leaves the list; it may come back."""


class HeartbeatState(msgspec.Struct, frozen=True):
    """``last``: mesh seconds of the last heartbeat; ``socket``: whether a login lives, None for an
    agent that has none and only polls."""

    last: float
    socket: bool | None = None


def health(state: HeartbeatState, now: float) -> Health:
    """``active``, ``stale`` from 90 s of silence on, ``offline`` from 270 s on."""
    if state.socket is not None:
        return "active" if state.socket else "offline"
    silent = now - state.last
    if silent < STALE_SECONDS:
        return "active"
    return "stale" if silent < OFFLINE_SECONDS else "offline"
