"""Removed parties: their open tasks end, their leases return, what waits for them fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from chatixia.core.task import RemovedParties
from chatixia.errors import MeshError
from chatixia.store.control.store import Store
from chatixia.store.control.sweep import PER_GROUP

from .leases import LeaseTable

log = logging.getLogger("chatixia.registry.work")

T = TypeVar("T")
RETRY_SECONDS: Final = 1.0
"""Seconds before a step is tried again that the store could not take."""


class Removal:
    """Ends the work of removed parties, in groups, until nothing is left or ``stopping`` is set."""

    def __init__(self, store: Store, leases: LeaseTable, stopping: asyncio.Event) -> None:
        self._store, self._leases, self._stopping = store, leases, stopping

    async def run(self, ns: str, parties: RemovedParties) -> int:
        """All of it; gives how many tasks changed.

        Call it once nothing more of ``parties`` is taken: what was taken before is looked for too.
        """
        await self._insist(self._store.leases.poke)  # so what waits for the writer is a row by now
        ended, after = 0, 0
        while not self._stopping.is_set():
            numbers, after = await self._insist(
                partial(self._store.upkeep.open_of, ns, parties, after)
            )
            for start in range(0, len(numbers), PER_GROUP):
                group = numbers[start : start + PER_GROUP]
                ended += await self._insist(partial(self._end, parties, group))
            if not after:
                break
        if ended:
            log.info("ended or gave back %d tasks of %s", ended, ", ".join(sorted(parties.parties)))
        return ended

    async def _end(self, parties: RemovedParties, numbers: list[int]) -> int:
        marks = self._leases.take_marks()
        try:
            return await self._store.upkeep.remove(parties, numbers, marks)
        except MeshError:
            self._leases.put_back(marks)
            raise

    async def _insist(self, step: Callable[[], Awaitable[T]]) -> T:
        """``step`` again and again while the store cannot; its error once the registry stops."""
        while True:
            try:
                return await step()
            except MeshError as error:
                if self._stopping.is_set():
                    raise
                log.warning("tasks of a removed member could not be ended yet: %s", error.code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RETRY_SECONDS)
