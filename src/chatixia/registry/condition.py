"""What is wrong with the registry as a whole: files that are gone, a disk that fills. Said once."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from chatixia.errors import DiskFull, MeshError, Unavailable
from chatixia.store.control.store import Store

log = logging.getLogger("chatixia.registry")

LOOK_SECONDS: Final = 1.0
"""Seconds between two looks."""


class Condition:
    """Looks at the store while the registry runs, and logs each change for who runs `up`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._logged = ""
        self._task: asyncio.Task[None] | None = None

    def trouble(self) -> MeshError | None:
        """What is wrong now: Unavailable if nothing can be kept, DiskFull if nothing new can."""
        if fault := self._store.fault():
            return Unavailable(fault)
        if low := self._store.disk_low():
            return DiskFull(low)
        return None

    def start(self) -> None:
        """Look from now on."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Log what has changed since the last time."""
        trouble = self.trouble()
        code = trouble.code if trouble is not None else ""
        if code == self._logged:
            return
        self._logged = code
        if trouble is None:
            log.warning("The registry is well again and accepts new work.")
        else:
            log.log(logging.ERROR if code == Unavailable.code else logging.WARNING, trouble.message)
