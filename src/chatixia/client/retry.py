"""Try an idempotent call again, under one key from first try to last (tasks.md section 3)."""

from __future__ import annotations

from typing import Final

from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.core.tries import RetryHistory
from chatixia.errors import MeshError
from chatixia.world import request_id

from .call_context import CallContext

TRIES: Final = 4
FIRST_PAUSE_S: Final = 0.1


async def insist(context: CallContext, outgoing: Outgoing) -> CallAnswer:
    """Call until an answer, an error that no retry cures, the last try, or the deadline.

    Once a try's outcome is unknown it ends in an answer or in an error whose outcome is unknown.
    """
    world, call = context.world, context.call  # a mesh that closes ends what goes on, as itself
    until = world.monotonic() + outgoing.timeout
    outgoing.key = outgoing.key or request_id(world)
    tries = RetryHistory()
    for attempt in range(1, TRIES + 1):
        try:
            return await call(outgoing)
        except MeshError as error:
            last = tries.failed(error)
            pause = FIRST_PAUSE_S * 2**attempt * (0.5 + world.jitter()) / 2
            outgoing.timeout = until - world.monotonic() - pause
            if attempt == TRIES or not error.retryable or outgoing.timeout <= 0:
                raise last from last.__cause__
        await context.pause(pause)
    raise AssertionError("the last try returns or raises")
