"""What a store holds open: lock, files, the writer's connection and memory, the readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from chatixia.core.shares import ShareLimits
from chatixia.errors import ConfigError
from chatixia.world import World

from . import trust
from .clock import DiskFloor, DiskRoom, StoreClock, sync_folder
from .database import NAME, meta, open_writer
from .files import DatabaseFiles
from .guard import RegistryLock, prepare
from .memory import WriterMemory
from .readers import Readers
from .tx import Transaction
from .wal import Wal
from .writer import Writer


class RecoveredState(NamedTuple):
    """A database as it is ready for its first group."""

    tx: Transaction
    clock: StoreClock
    memory: WriterMemory
    revocations: trust.RevocationFile


class StoreResources(NamedTuple):
    """All that is opened once and closed at the end."""

    state: RecoveredState
    lock: RegistryLock
    disk: DiskRoom
    files: DatabaseFiles
    readers: Readers
    writer: Writer


def recover(
    db: sqlite3.Connection, folder: Path, world: World, lease: float, bounds: ShareLimits
) -> RecoveredState:
    """Before the first group: revocations of the file, full leases, what waits where."""
    clock = StoreClock(world, meta(db, "mark"))
    tx = Transaction(db, int(meta(db, "generation")))
    memory, file = WriterMemory(lease, bounds), trust.RevocationFile(folder)
    tx.begin(clock.now())
    trust.apply_again(tx, file)
    tx.run("extend_all", {"lease": tx.now + lease})
    memory.load(tx)
    tx.totals = {(ns, state): n for ns, state, n in tx.all("all_counts", {})}
    tx.flush()
    tx.commit()
    return RecoveredState(tx, clock, memory, file)


def open_resources(
    folder: Path,
    world: World,
    on_death: Callable[[str], None],
    floor: DiskFloor,
    lease: float,
    bounds: ShareLimits,
) -> StoreResources:
    """Take the lock on ``folder``, migrate and recover its database.

    Raises AlreadyRunning and ConfigError.
    """
    prepare(folder)
    lock, path = RegistryLock(folder), folder / NAME
    try:
        db = open_writer(path, world.wall())
        sync_folder(folder)
        state = recover(db, folder, world, lease, bounds)
    except sqlite3.Error as error:
        lock.release()
        raise ConfigError(f"{path} cannot be used: {error}.") from error
    except BaseException:
        lock.release()
        raise
    wal = Wal(db, path)
    with suppress(sqlite3.Error):  # while there is room: on a full disk little more will be
        wal.fold()
    files = DatabaseFiles(path, wal.path, world)
    readers = Readers(path, world, files.fault)
    writer = Writer(state.tx, state.clock, wal, files, on_death)
    return StoreResources(state, lock, DiskRoom(folder, world, floor), files, readers, writer)
