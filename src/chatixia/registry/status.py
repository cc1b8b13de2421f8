"""Verbs about the registry itself: ``health``, ``ready``, ``status``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chatixia.errors import Unavailable
from chatixia.store.control.store import Store
from chatixia.wire.registry import HealthReply, Nothing, StatusReply
from chatixia.wire.trust import Delegation

from .call import Handler, RegistryReach, RequestContext
from .condition import Condition
from .live.roster import Roster


class StatusService:
    """``ready``: whether calls are answered. ``links``: how many links are reported;
    ``delegation``: what the registry may sign."""

    def __init__(
        self,
        mesh: str,
        version: str,
        store: Store,
        condition: Condition,
        roster: Roster,
        links: Callable[[], int],
        reach: RegistryReach,
        delegation: Callable[[], Delegation],
    ) -> None:
        self._mesh, self._version, self._store = mesh, version, store
        self._condition, self._roster, self._links = condition, roster, links
        self._reach, self._delegation = reach, delegation
        self.ready = False

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"health": self.health, "ready": self.readiness, "status": self.status}

    async def health(self, call: RequestContext, request: Nothing) -> HealthReply:
        """The process answers."""
        return HealthReply()

    async def readiness(self, call: RequestContext, request: Nothing) -> HealthReply:
        """Whether calls are answered; a full disk is named. Raises Unavailable."""
        trouble = self._condition.trouble() if self.ready else Unavailable()
        if isinstance(trouble, Unavailable):
            raise trouble
        return HealthReply(trouble.code, trouble.message) if trouble else HealthReply("ready")

    async def status(self, call: RequestContext, request: Nothing) -> StatusReply:
        """Mesh, version, time, counts, addresses, free disk, and what is wrong if anything is."""
        trouble = self._condition.trouble()
        problem = (trouble.code, trouble.message) if trouble else ("", "")
        delegation = self._delegation()
        return StatusReply(
            self._mesh,
            self._version,
            self._store.now(),
            len(self._roster.agents()),
            self._links(),
            await self._store.tasks.counts(),
            self._reach.urls(call.local),
            self._store.generation,
            self._store.disk_free(),
            *problem,
            delegation.names,
            delegation.not_after,
            delegation.members,
        )
