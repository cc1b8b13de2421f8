"""Opening an agent's own file: for this user alone, in WAL mode, at its schema's newest step."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chatixia.errors import ConfigError, DiskFull, MeshError, Unavailable
from chatixia.world import REAL

from .schema import migrate

PATIENCE: Final = 5.0
"""Seconds to wait for another process's write."""
PAUSE: Final = 0.005


def connected(path: Path) -> sqlite3.Connection:
    """A connection to the file at ``path``, made with mode 0600. Raises ConfigError."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return sqlite3.connect(
            path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path} cannot be opened: {reason}.") from error


def in_memory() -> sqlite3.Connection:
    """A connection to a database that dies with it."""
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def prepare(db: sqlite3.Connection, where: str) -> None:
    """Set how it writes, and bring its schema up. Raises ConfigError for a newer one.

    Without a sync a write survives kill -9; after a power cut the last moments may be missing.
    """
    write_ahead(db)
    db.execute("PRAGMA synchronous = NORMAL")
    migrate(db, where)


def write_ahead(db: sqlite3.Connection) -> None:
    """Switch to WAL, however many processes open a new file at once: SQLite waits for no lock here,
    but says at once that it is busy (sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY").
    """
    until = REAL.monotonic() + PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or REAL.monotonic() > until:
                raise
        threading.Event().wait(PAUSE)


@contextmanager
def guarded(where: str) -> Iterator[None]:
    """Raise errors of the database as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise failed(where, error) from error


def failed(where: str, error: sqlite3.Error) -> MeshError:
    """What a caller hears of an error of the database."""
    full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    if full:
        return DiskFull(f"{where} cannot be written: the disk is full.")
    return Unavailable(f"{where} cannot be used: {error}.")
