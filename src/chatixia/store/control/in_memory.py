"""The store without a disk and without threads, for tests: the same tables, rules and commits.

Everything runs on the loop, a group at a time, so that a fake clock and a seed decide all there is
to decide. Nothing outlives the process.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, TypeVar

from chatixia.core import task as core
from chatixia.core.shares import ShareLimits
from chatixia.errors import Unavailable
from chatixia.world import World

from . import database
from .clock import DiskRoom
from .files import DatabaseFiles
from .guard import RegistryLock
from .readers import Read, Readers
from .resources import StoreResources, recover
from .store import Store
from .wal import Wal
from .writer import Lane, Work, Writer

T = TypeVar("T")
NOWHERE = Path("/dev/null/chatixia")
"""The folder of a store that has none: nothing is there, and nothing can be written."""


class LoopWriter(Writer):
    """The writer without its thread: what is put is committed with the next turn of the loop."""

    def start(self) -> None:
        """Nothing to start."""

    async def put(self, work: Work, lane: Lane = Lane.SUBMIT, size: int = 0) -> Any:
        """Run ``work`` in the next group."""
        asyncio.get_running_loop().call_soon(self._drain)
        return await super().put(work, lane, size)

    def _drain(self) -> None:
        if self.waiting:
            self._commit(self._take())

    async def close(self) -> None:
        """Finish what is queued."""
        self._closing = True
        while self.waiting:
            self._drain()
        await asyncio.sleep(0)  # what was answered reaches who waits
        self._db.close()


class LoopReaders(Readers):
    """Reads on the loop, between two groups."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    async def run(self, read: Read[T]) -> T:
        """The result of ``read``."""
        await asyncio.sleep(0)
        try:
            return read(self._db)
        except sqlite3.Error as error:
            raise Unavailable(f"The registry could not read this ({error}).") from None

    def close(self) -> None:
        """The connection is the writer's."""


class NoDisk(DiskRoom):
    """Room without an end."""

    def __init__(self) -> None:
        """Nothing to look at."""

    def free(self) -> int:
        """Bytes."""
        return 1 << 40

    def low(self) -> bool:
        """Never."""
        return False


class NoFiles(DatabaseFiles):
    """No file that could be lost."""

    def __init__(self) -> None:
        """Nothing to look at."""

    def fault(self) -> str:
        """Nothing is wrong."""
        return ""

    look = fault


class NoLock(RegistryLock):
    """Nobody else could open it."""

    def __init__(self) -> None:
        """Nothing to take."""

    def release(self) -> None:
        """Nothing to let go."""


class MemoryStore(Store):
    """A :class:`Store` that nothing survives. Made inside the loop that it works on."""

    def __init__(
        self,
        world: World,
        *,
        lease: float = core.LEASE,
        bounds: ShareLimits = ShareLimits(),  # noqa: B008 - frozen
    ) -> None:
        db = database.open_in_memory(world.wall())
        state = recover(db, NOWHERE, world, lease, bounds)
        files = NoFiles()
        writer = LoopWriter(state.tx, state.clock, Wal(db, NOWHERE), files)
        resources = StoreResources(state, NoLock(), NoDisk(), files, LoopReaders(db), writer)
        super().__init__(resources, world, bounds)

    async def close(self) -> None:
        """Finish what is queued; then it is gone."""
        await self._writer.close()
