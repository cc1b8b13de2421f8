"""Which event loop a process or thread of ours runs for a peer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec


def peer_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """A factory of loops; None: asyncio's own.

    wrtc moves its packets in threads of its own: a call is as fast on asyncio's loop, and the
    process 2.4 MB smaller (docs/adr/0008-loops.md). aiortc lives on the loop, and uvloop doubles
    its throughput, so it is taken where wrtc has no wheel.
    """
    if find_spec("wrtc") is not None:
        return None
    try:
        import uvloop
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made
