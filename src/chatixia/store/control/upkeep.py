"""The store's methods for the registry's own upkeep of tasks: what time and removals demand."""

from __future__ import annotations

from collections.abc import Iterable

from chatixia.core import task as core
from chatixia.world import World

from . import removal, sweep
from .access import StoreAccess
from .audit_store import AuditStore
from .memory import WriterMemory
from .writer import Lane


class StoreUpkeep:
    """Each method is one item of the writer, in its last lane; or one read."""

    def __init__(
        self, access: StoreAccess, memory: WriterMemory, world: World, audit: AuditStore
    ) -> None:
        self._access, self._memory, self._world = access, memory, world
        self._audit = audit

    def next_due(self) -> float | None:
        """Store time at which the sweeper has something to do, if anything lives."""
        return self._memory.dues.first()

    async def sweep(
        self, marks: list[tuple[str, int]], away: Iterable[tuple[str, str]] = ()
    ) -> int:
        """Do what is due (at most 200 rows; gives how many), writing ``marks`` first; processes
        that are ``away`` (worker, incarnation) are left to :meth:`LeaseStore.end`."""
        request = sweep.SweepRequest(
            self._access.now(), marks, frozenset(away), self._world.jitter()
        )
        return await self._access.write(sweep.sweep, self._memory, request, lane=Lane.UPKEEP)

    async def tidy(self) -> int:
        """Drop what outlived its use; gives how many rows."""
        keep = self._audit.keep
        return await self._access.write(sweep.tidy, self._memory, keep, lane=Lane.UPKEEP)

    async def trim(self) -> int:
        """Remove the oldest ended tasks of holders with more than their share of the disk.

        At most 200; gives how many. Nothing is written if nobody has.
        """
        if not self._memory.holdings.bytes.greedy():
            return 0
        return await self._access.write(sweep.trim, self._memory, lane=Lane.UPKEEP)

    async def fetched(self, tasks: list[tuple[str, int]]) -> None:
        """The submitters of these ended tasks, each by holder and number, have their results:
        when room must be made they go first."""
        await self._access.write(sweep.fetched, tasks, lane=Lane.UPKEEP)

    async def open_of(
        self, ns: str, removed: core.RemovedParties, after: int = 0
    ) -> tuple[list[int], int]:
        """Open tasks that concern ``removed``, by number, from behind ``after`` on; and where to go
        on, 0 at the end."""
        return await self._access.run(lambda db: removal.page(db, ns, removed, after))

    async def remove(
        self,
        removed: core.RemovedParties,
        numbers: Iterable[int],
        marks: Iterable[tuple[str, int]] = (),
    ) -> int:
        """End or give back those of :meth:`open_of`, ``marks`` as in :meth:`LeaseStore.end`; gives
        how many."""
        args = (self._memory, removed, list(numbers), list(marks), self._world.jitter())
        return await self._access.write(removal.remove, *args, lane=Lane.UPKEEP)
