"""Reports of how a task ended, repeated until the registry has answered."""

from __future__ import annotations

import logging
from typing import Final

from chatixia.errors import MeshError, SkillFailed
from chatixia.ids import AgentId
from chatixia.peer.ports import RegistryPort
from chatixia.peer.timers import Timers, sleep
from chatixia.wire import tasks as t
from chatixia.world import World

from .lease import HeldTask, QueueResponder

log = logging.getLogger("chatixia.peer")

RETRY: Final = (0.2, 0.5, 1.0, 2.0)
REPEAT_SECONDS: Final = 60.0
"""Seconds past a task's deadline for which a report is repeated."""
SURE: Final = ("stale_fence", "canceled", "not_found", "conflict", "denied", "unauthorized")
"""Answers after which nothing is left to say under that fence."""


class ResultReporter:
    """The results that wait for the registry's word. ``waiting``: their bytes."""

    def __init__(self, me: AgentId, registry: RegistryPort, world: World, timers: Timers) -> None:
        self._me, self._registry, self._world, self._timers = me, registry, world, timers
        self.waiting = 0

    async def deliver(self, lease: HeldTask, responder: QueueResponder) -> None:
        """Tell the answer; ``lease.over`` says afterwards whether the registry knows the end."""
        lease.reporting = True
        size = len(responder.result or b"")
        if size > t.MAX_PAYLOAD:
            text = f"The result has {size} bytes; the queue takes at most {t.MAX_PAYLOAD} (1 MiB)."
            responder.result, responder.error, size = None, SkillFailed(text, agent=self._me), 0
        self.waiting += size
        try:
            await self._insist(lease, responder)
        finally:
            self.waiting -= size

    async def _insist(self, lease: HeldTask, responder: QueueResponder) -> None:
        """The same under the same fence: repeated, it is one report."""
        last = self._world.boottime() + lease.task.deadline_ms / 1000 + REPEAT_SECONDS
        pauses = iter(RETRY)
        while not lease.over:
            fence = lease.fence
            try:
                await self._registry.verb(*responder.report())
                lease.over = True
            except MeshError as error:
                if lease.fence != fence:
                    continue
                again = error.retryable or error.outcome == "unknown"
                if error.code in SURE or not again or self._world.boottime() > last:
                    log.info("the report of %s was refused: %s", lease.task.id, error)
                    # A stale fence may be followed by ours again.
                    lease.over = error.code != "stale_fence"
                    return
                await sleep(self._timers, next(pauses, RETRY[-1]))
