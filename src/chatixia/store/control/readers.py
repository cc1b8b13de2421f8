"""Readers: a few threads with a read-only connection each; a query fetches all and ends."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar

from chatixia.core.shares import FairQueue, Shares
from chatixia.errors import Overloaded, Unavailable
from chatixia.world import World

from .database import open_reader
from .holdings import ASKER

T = TypeVar("T")
THREADS: Final = 2
WAITING: Final = 512
LONGEST: Final = 1.0
"""Seconds a query may take: a living reader keeps the log from being folded back."""
LOOK_EVERY: Final = 5000

BUSY: Final = "Too many reads wait at the registry; try again later."

Read = Callable[[sqlite3.Connection], T]


class Readers:
    """Runs functions over a read-only connection, off the loop, each for a second at most."""

    def __init__(self, path: Path, world: World, fault: Callable[[], str] = str) -> None:
        self._world, self._fault = world, fault
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="chatixia-reader")
        # All opened now, log included: a process's descriptors do not depend on who came later.
        self._all = [_opened(path) for _ in range(THREADS)]
        self._free: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for db in self._all:
            self._free.put(db)
        self._waiting: Shares = Shares(WAITING)
        self._turns: FairQueue[asyncio.Future[None]] = FairQueue()
        self._idle = THREADS

    async def run(self, read: Read[T]) -> T:
        """The result of ``read`` over one snapshot; who asks take turns, by holder.

        Raises Overloaded (too many wait) and Unavailable (over a second, closed, or ``fault``).
        """
        if fault := self._fault():
            raise Unavailable(fault)
        holder = ASKER.get()
        if not self._waiting.take(holder):
            raise Overloaded(BUSY, retry_after=1.0)
        try:
            await self._turn(holder)
            try:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._pool, self._read, read)
            finally:
                self._next()
        except sqlite3.Error as error:
            raise Unavailable(f"The registry could not read this ({error}).") from None
        except RuntimeError:
            raise Unavailable("The registry's store is closed.") from None
        finally:
            self._waiting.add(holder, -1)

    async def _turn(self, holder: str) -> None:
        """Wait for a thread that is free for ``holder``."""
        if self._idle:
            self._idle -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(holder, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had come, and is another's now
                self._next()
            raise

    def _next(self) -> None:
        while len(self._turns):
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._idle += 1

    def _read(self, read: Read[T]) -> T:
        db = self._free.get_nowait()  # as many as there are threads
        end = self._world.monotonic() + LONGEST
        db.set_progress_handler(lambda: self._world.monotonic() > end, LOOK_EVERY)
        try:
            db.execute("BEGIN")
            return read(db)
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._free.put(db)

    def close(self) -> None:
        """End the threads, then the connections. Call off the loop."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for db in self._all:
            db.close()
        self._all.clear()


def _opened(path: Path) -> sqlite3.Connection:
    db = open_reader(path)
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return db
