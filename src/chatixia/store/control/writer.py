"""The one thread that writes: group commit, each item whole or not at all (tasks.md section 5).

Nothing is answered before the commit that holds it has reached the disk. What an I/O error or a
failed commit leaves behind is not known, so the group hears *outcome unknown* and the process
ends; the next start reads what is really there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

from chatixia.core.shares import FairQueue, Shares
from chatixia.errors import DiskFull, Internal, MeshError, OutcomeUnknown, Overloaded, Unavailable

from .clock import StoreClock
from .database import leave_alone
from .files import DatabaseFiles
from .holdings import ASKER
from .tx import Transaction
from .wal import Wal

log = logging.getLogger("chatixia.store")

GROUP_ITEMS: Final = 256
GROUP_BYTES: Final = 1024 * 1024
GROUP_HOLDER: Final = 64
"""Items of one holder in a lane of a group: who comes meanwhile waits for no more than those."""
LANE_ITEMS: Final = 4096
QUEUE_BYTES: Final = 64 * 1024 * 1024
WARY_GROUPS: Final = 16
"""Groups that are run with a savepoint for each item after one in which an item failed."""
FATAL: Final = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM}
)

Work = Callable[[Transaction], Any]
Notices = list[Any]


class Lane(IntEnum):
    """Order within a group; each lane keeps some room of it, so that none starves the others."""

    URGENT = 0
    """Renew, complete, fail, cancel, release: what ends work or keeps it."""
    SUBMIT = 1
    """New work, and the other tables."""
    UPKEEP = 2
    """Sweeps and retention."""


BUSY: Final = "Too many writes wait at the registry; try again later."
RESERVED: Final = {Lane.URGENT: 64, Lane.SUBMIT: 64, Lane.UPKEEP: 4}


class WriteItem:
    """One piece of work and who waits for it."""

    __slots__ = ("error", "future", "holder", "loop", "result", "size", "work")

    def __init__(self, work: Work, size: int, holder: str = "") -> None:
        self.work, self.size, self.holder = work, size, holder
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: MeshError | None = None


class GroupAbandoned(Exception):
    """SQLite ended the transaction under us; nothing of the group is there.

    ``reason`` is definite.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.reason = _definite(error)


class GroupLost(Exception):
    """What became of the group is not known."""


def end_process(sentence: str) -> None:
    """Say why, and end: the state in memory may differ from what is on the disk."""
    sys.stderr.write(f"chatixia: {sentence}\n")
    sys.stderr.flush()
    os._exit(70)


class Writer:
    """Takes items from lanes, commits them in groups, answers after the sync.

    ``tail`` runs at the end of each group in a savepoint of its own. ``hear`` gets each group's
    notices on its listener's loop, in commit order. Nothing is acknowledged while ``files`` are
    not those that were opened.
    """

    def __init__(
        self,
        tx: Transaction,
        clock: StoreClock,
        wal: Wal,
        files: DatabaseFiles,
        on_death: Callable[[str], None] = end_process,
    ) -> None:
        self._tx, self._db, self._clock = tx, tx.db, clock
        self._wal, self._files = wal, files
        self._on_death = on_death
        self._wake = threading.Condition()
        self._lanes: tuple[FairQueue[WriteItem], ...] = tuple(FairQueue() for _ in Lane)
        self._items = tuple(Shares(LANE_ITEMS) for _ in Lane)
        self._bytes = Shares(QUEUE_BYTES)
        self.commits = 0
        """Groups that are on disk, since this process started."""
        self._writing: frozenset[str] = frozenset()
        self._wary = 0
        self._closing = self._dead = False
        self.tail: Work | None = None
        self.hear: tuple[asyncio.AbstractEventLoop, Callable[[Notices], None]] | None = None
        self._thread = threading.Thread(target=self._main, name="chatixia-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def put(self, work: Work, lane: Lane = Lane.SUBMIT, size: int = 0) -> Any:
        """Run ``work`` in some group; its result once that is on disk.

        ``size``: bytes it carries. Raises what ``work`` raises, Overloaded, Unavailable,
        DiskFull and OutcomeUnknown.
        """
        item = WriteItem(work, size, ASKER.get())
        with self._wake:
            if self._dead or self._closing:
                raise Unavailable("The registry's store is closed.")
            if not (self._items[lane].fits(item.holder) and self._bytes.fits(item.holder, size)):
                raise Overloaded(BUSY, retry_after=1.0)
            self._lanes[lane].append(item.holder, item)
            self._items[lane].add(item.holder)
            self._bytes.add(item.holder, size)
            self._wake.notify()
        return await item.future

    async def close(self) -> None:
        """Finish what is queued, checkpoint, close the connection, end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    @property
    def waiting(self) -> int:
        """Items not yet taken into a group."""
        return sum(map(len, self._lanes))

    def has(self, holder: str) -> bool:
        """Whether an item of ``holder`` is not answered yet."""
        with self._wake:
            waits = any(shares.of(holder) for shares in self._items)
            return waits or holder in self._writing

    # --- in the thread -------------------------------------------------------------------------

    def _main(self) -> None:
        group: list[WriteItem] = []
        try:
            while group := self._take():
                if fault := self._files.fault():
                    self._refuse(group, fault)
                    continue
                self._commit(group)
                self._checkpoint(group)
            self._end()
        except GroupLost as lost:
            self._die(group, str(lost))
        except BaseException as error:  # a dead writer thread must never look like a slow one
            log.exception("the store's writer broke")
            self._die(group, f"The registry's store stopped: {type(error).__name__}.")

    def _take(self) -> list[WriteItem]:
        """The next group, waiting for one; empty at the end."""
        with self._wake:
            self._writing = frozenset()
            while not any(map(len, self._lanes)) and not self._closing:
                self._wake.wait()
            group: list[WriteItem] = []
            size = 0
            for lane, items in zip(Lane, self._lanes, strict=True):
                reserved = sum(
                    min(RESERVED[low], len(self._lanes[low])) for low in Lane if low > lane
                )
                first, of, carried = len(group), Counter[str](), Counter[str]()
                while len(items) and len(group) < GROUP_ITEMS - reserved:
                    head = items.head()
                    if size + head.size > GROUP_BYTES and len(group) > first:
                        break
                    if head.holder and of[head.holder] >= GROUP_HOLDER:
                        break  # turns are even: the others have as many, or no more
                    item = items.popleft()
                    of[item.holder] += 1
                    carried[item.holder] += item.size
                    size += item.size
                    group.append(item)
                for holder, many in of.items():
                    self._items[lane].add(holder, -many)
                    self._bytes.add(holder, -carried[holder])
            self._writing = frozenset(item.holder for item in group)
            return group

    def _commit(self, group: list[WriteItem]) -> None:
        try:
            self._attempt(group)
        except GroupAbandoned as abandoned:
            if isinstance(abandoned.reason, DiskFull):
                self._fold(self._wal.fold)  # makes room in the file that is there
            # Each alone, so that the one that cannot be written does not take the rest with it.
            for item in group:
                item.result = item.error = None
                try:
                    self._attempt([item])
                except GroupAbandoned as alone:
                    item.error = alone.reason
                    self._answer([item], [])

    def _attempt(self, group: list[WriteItem]) -> None:
        """One transaction over ``group``. Raises Abandoned and Lost."""
        tx = self._tx
        try:
            tx.begin(self._clock.now())
            self._run(group)
            tx.flush()
        except sqlite3.Error as error:
            if _fatal(error):
                raise GroupLost(_sentence("The disk failed", error)) from error
            tx.abandon()
            raise GroupAbandoned(error) from error
        try:
            tx.commit()
        except sqlite3.Error as error:
            # Full is known before the frame that ends a group is whole in the write-ahead file,
            # and without that frame no recovery takes any of it (ADR 0009).
            if not _full(error):
                raise GroupLost(_sentence("A commit failed", error)) from error
            tx.abandon()
            raise GroupAbandoned(error) from error
        self.commits += 1
        if fault := self._files.look():  # gone meanwhile: nobody may take it for kept
            for item in group:
                item.error = OutcomeUnknown(fault)
        self._answer(group, tx.notices)

    def _run(self, group: list[WriteItem]) -> None:
        """Run the items, each whole or not at all.

        Savepoints are two statements more for each item, and seldom needed: only where one failed
        are they all taken back and run again with them. Who sends what fails gains nothing by it,
        for the next groups have savepoints from the start.
        """
        if self._wary:
            self._wary -= 1
        elif self._run_bare(group):
            return
        else:
            self._wary = WARY_GROUPS
            self._tx.abandon()
            self._tx.begin(self._clock.now())
        self._run_each(group)

    def _run_bare(self, group: list[WriteItem]) -> bool:
        """Run the items and the tail without savepoints; False if one of them failed."""
        tx = self._tx
        try:
            for item in group:
                item.result = item.work(tx)
                self._check_open()
            if self.tail is not None:
                self.tail(tx)
        except sqlite3.Error as error:
            # See _one: without a transaction there is nothing left to take back.
            if not self._db.in_transaction or _fatal(error):
                raise
            return False
        except Exception:  # noqa: BLE001 - raised again, and told, where it harms one item alone
            return False
        return True

    def _check_open(self) -> None:
        """What ran beyond the end of the transaction would stay, although it failed."""
        if not self._db.in_transaction:
            raise sqlite3.OperationalError("the transaction ended within an item")

    def _run_each(self, group: list[WriteItem]) -> None:
        """Run the items and the tail, each under a savepoint."""
        for item in group:
            self._one(item)
        if self.tail is not None:
            self._tail(self.tail)

    def _one(self, item: WriteItem) -> None:
        try:
            item.result = self._tx.item(item.work)
        except MeshError as error:
            item.error = error
        except sqlite3.Error as error:
            # Gone is the whole transaction, not just this statement: what would run from here on
            # would be committed one by one, and stay although it is reported as failed.
            if not self._db.in_transaction or _fatal(error):
                raise
            log.warning("a statement failed: %s", error)
            item.error = _definite(error)
        except Exception:
            log.exception("an operation of the store broke")
            item.error = Internal()
        self._check_open()

    def _tail(self, work: Work) -> None:
        try:
            self._tx.item(work)
        except sqlite3.Error as error:
            if not self._db.in_transaction or _fatal(error):
                raise
            log.warning("the tail of a group failed: %s", error)

    def _answer(self, group: list[WriteItem], notices: Notices) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[WriteItem]] = {}
        for item in group:
            loops.setdefault(item.loop, []).append(item)
        if notices and self.hear is not None:
            _post(self.hear[0], self.hear[1], notices)
        for loop, items in loops.items():
            _post(loop, settle, items)

    def _checkpoint(self, group: list[WriteItem]) -> None:
        """Between groups, by the only connection that may."""
        self._wal.grew(len(group), sum(item.size for item in group))
        if not self._wal.due():
            return
        self._fold(self._wal.fold)

    def _fold(self, fold: Callable[[], None]) -> None:
        """What cannot be folded back now stays in the write-ahead file, where it is kept too."""
        try:
            with self._files.folding():
                fold()
        except sqlite3.Error as error:
            if _fatal(error):
                raise GroupLost(_sentence("A checkpoint failed", error)) from error

    def _refuse(self, group: list[WriteItem], reason: str) -> None:
        """What would be written would be gone at the next start."""
        for item in group:
            item.error = Unavailable(reason)
        self._answer(group, [])

    def _end(self) -> None:
        """Fold back and close; but nothing of ours may reach files that are not ours."""
        if self._files.look():
            leave_alone(self._db)
        else:
            self._fold(self._wal.close)
        self._db.close()

    def _die(self, group: list[WriteItem], sentence: str) -> None:
        with self._wake:
            self._dead = True
            rest = [item for lane in self._lanes for item in lane]
            for lane in self._lanes:
                lane.clear()
        for item in group:
            item.error = OutcomeUnknown()
        for item in rest:
            item.error = Unavailable("The registry's store stopped; nothing was changed.")
        self._answer([*group, *rest], [])
        self._on_death(sentence)


def _full(error: Exception) -> bool:
    return bool(getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL)


def _definite(error: Exception) -> MeshError:
    if _full(error):
        return DiskFull("The registry's disk is full; nothing was changed.")
    return Unavailable("The registry could not write this; nothing was changed.")


def _fatal(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in FATAL


def _sentence(what: str, error: sqlite3.Error) -> str:
    return (
        f"{what} ({error}); what was being written may or may not be there, so the registry stops"
        " and will read what is there at its next start."
    )


def settle(items: list[WriteItem]) -> None:
    """Give each waiter its result; those that were cancelled are passed over."""
    for item in items:
        if item.future.done():
            continue
        if item.error is None:
            item.future.set_result(item.result)
        else:
            item.future.set_exception(item.error)


def _post(loop: asyncio.AbstractEventLoop, call: Callable[[Any], None], what: Any) -> None:
    try:
        loop.call_soon_threadsafe(call, what)
    except RuntimeError:
        log.debug("a loop was closed before its answers came")
