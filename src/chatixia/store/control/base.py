"""What every part of the store stands on: the lock, the writer, the readers, store time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from chatixia.core import task as core
from chatixia.core.shares import ShareLimits
from chatixia.errors import ConfigError
from chatixia.world import World

from . import grants, trust
from .clock import DiskFloor, DiskRoom, StoreClock, sync_folder
from .database import NAME, meta, open_writer
from .files import DatabaseFiles
from .guard import RegistryLock, prepare
from .memory import WriterMemory
from .queries import load
from .readers import Readers
from .task_rows import Notice
from .tx import Transaction
from .wal import Wal
from .writer import Lane, Writer, end_process

T = TypeVar("T")


class StoreBase:
    """Opens and closes; reads and writes for the parts above."""

    def __init__(
        self,
        folder: Path,
        world: World,
        on_death: Callable[[str], None],
        floor: DiskFloor,
        lease: float,
        bounds: ShareLimits,
    ) -> None:
        prepare(folder)
        self._lock = RegistryLock(folder)
        try:
            self._db = open_writer(folder / NAME, world.wall())
            sync_folder(folder)
            self.generation = int(meta(self._db, "generation"))
            """The store generation: the high part of fences, epochs and cursors."""
            self._clock = StoreClock(world, meta(self._db, "mark"))
            self._tx = Transaction(self._db, self.generation)
            self._recover(folder, lease, bounds)
        except sqlite3.Error as error:
            self._lock.release()
            raise ConfigError(f"{folder / NAME} cannot be used: {error}.") from error
        except BaseException:
            self._lock.release()
            raise
        self._world, self.bounds = world, bounds
        self._disk = DiskRoom(folder, world, floor)
        self._wal = Wal(self._db, folder / NAME)
        with suppress(sqlite3.Error):  # while there is room: on a full disk little more will be
            self._wal.fold()
        self._files = DatabaseFiles(folder / NAME, self._wal.path, world)
        self._readers = Readers(folder / NAME, world, self._files.fault)
        self._writer = Writer(self._tx, self._clock, self._wal, self._files, on_death)
        self._seats: tuple[grants.WorkerSeat, ...] = ()
        self._touched: dict[str, float] = {}
        self._hearers: list[Callable[[list[Notice]], None]] = []
        self._writer.tail = self._assign
        self._writer.start()

    @classmethod
    def open(
        cls,
        folder: Path,
        world: World,
        *,
        on_death: Callable[[str], None] | None = None,
        floor: DiskFloor = DiskFloor(),  # noqa: B008 - frozen
        lease: float = core.LEASE,
        bounds: ShareLimits = ShareLimits(),  # noqa: B008 - frozen
    ) -> Self:
        """Take the lock on ``folder``, migrate ``registry.db`` and start the threads.

        ``on_death`` gets one sentence, in the writer's thread, when the store cannot go on; by
        default it is printed and the process ends. ``floor``: free room below which submits get
        DiskFull. ``lease``: seconds of a worker's lease; ``bounds``: what holders share. Raises
        AlreadyRunning and ConfigError.
        """
        return cls(folder, world, on_death or end_process, floor, lease, bounds)

    def _recover(self, folder: Path, lease: float, bounds: ShareLimits) -> None:
        """Before the first group: revocations of the file, full leases, what waits where."""
        self._file = trust.RevocationFile(folder)
        self._memory = WriterMemory(lease, bounds)
        tx = self._tx
        tx.begin(self._clock.now())
        trust.apply_again(tx, self._file)
        tx.run("extend_all", {"lease": tx.now + lease})
        self._memory.load(tx)
        tx.totals = {(ns, state): n for ns, state, n in tx.all("all_counts", {})}
        tx.flush()
        tx.commit()

    async def close(self) -> None:
        """Finish what is queued, checkpoint, let the lock go."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._readers.close)
        await self._writer.close()
        self._lock.release()

    # --- time, room, notices ------------------------------------------------------------------

    def now(self) -> float:
        """Store time in seconds: never steps back, also over restarts. Mesh time is this."""
        return self._clock.now()

    def disk_free(self) -> int:
        """Bytes free on the data directory's file system."""
        return self._disk.free()

    def disk_low(self) -> str:
        """Why new work is refused for want of room, as a sentence; "" while there is enough."""
        return self._disk.sentence() if self._disk.low() else ""

    def fault(self) -> str:
        """What is wrong with the database's files, as a sentence; "" if they are our own."""
        return self._files.fault()

    def commits(self) -> int:
        """Groups written since this process started."""
        return self._writer.commits

    def waiting(self) -> int:
        """Items that wait for the writer."""
        return self._writer.waiting

    def listen(self, hear: Callable[[list[Notice]], None]) -> Callable[[], None]:
        """Tell ``hear`` on this loop what each group changed, in commit order; gives the end.

        Notices are ``task_rows.Given`` and ``Changed``.
        """
        self._hearers.append(hear)
        self._writer.hear = (asyncio.get_running_loop(), self._hear)
        return lambda: self._hearers.remove(hear)

    def _hear(self, notices: list[Notice]) -> None:
        for hear in tuple(self._hearers):
            hear(notices)

    def seats(self, seats: Iterable[grants.WorkerSeat]) -> None:
        """Who takes pushed work from now on. Each group ends by giving waiting tasks to them."""
        self._seats = tuple(seats)

    def _assign(self, tx: Transaction) -> int:
        return grants.assign(tx, self._memory, self._seats) if self._memory.queues.any() else 0

    async def _write(
        self, run: Callable[..., T], *args: Any, lane: Lane = Lane.SUBMIT, size: int = 0
    ) -> T:
        done: T = await self._writer.put(lambda tx: run(tx, *args), lane, size)
        return done

    async def _read(self, name: str, params: dict[str, Any]) -> list[Any]:
        sql = load()[name]
        return await self._readers.run(lambda db: db.execute(sql, params).fetchall())

    async def _first(self, name: str, params: dict[str, Any]) -> Any:
        rows = await self._read(name, params)
        return rows[0] if rows else None
