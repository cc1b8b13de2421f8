"""Opens the database: pragmas, migrations, generation. The writer's connection and the readers'."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path
from typing import Final

from chatixia.errors import ConfigError

from .queries import load, migrations

NAME: Final = "registry.db"
SYNCHRONOUS: Final = "FULL"
"""Each commit is on disk before it is answered: with less, a power cut takes acknowledged work."""
NEEDED: Final = (3, 35, 0)
"""RETURNING."""


def open_writer(path: Path, wall: float) -> sqlite3.Connection:
    """The one connection that writes and checkpoints, migrated. Raises ConfigError."""
    if sqlite3.sqlite_version_info < NEEDED:
        raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 is needed.")
    _create(path)
    db = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=2.0
    )
    try:
        _pragmas(db)
        _migrate(db, path)
        _generation(db, wall)
    except ConfigError:
        db.close()
        raise
    except sqlite3.DatabaseError as error:
        db.close()
        raise ConfigError(f"The database {path} cannot be used: {error}.") from error
    return db


def open_in_memory(wall: float) -> sqlite3.Connection:
    """A new database that no file holds, migrated."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _migrate(db, Path(":memory:"))
    _generation(db, wall)
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can neither write nor checkpoint."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
        timeout=2.0,
    )
    db.execute("PRAGMA query_only = 1")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    return db


def leave_alone(db: sqlite3.Connection) -> None:
    """Let closing ``db`` fold back and delete nothing: what has its name now is not its own.

    Before Python 3.12 there is no way to say so, and SQLite decides by its own locks.
    """
    setting = getattr(sqlite3, "SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE", None)
    if setting is not None and sys.version_info >= (3, 12):
        db.setconfig(setting, True)


def _create(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _pragmas(db: sqlite3.Connection) -> None:
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise sqlite3.DatabaseError("write-ahead logging is not possible here")
    db.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    # Between groups only, by the writer itself: see Writer.
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA cache_size = -32768")


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    have = db.execute("PRAGMA user_version").fetchone()[0]
    scripts = migrations()
    if have > scripts[-1][0]:
        raise ConfigError(
            f"The database {path} was written by a newer chatixia (schema {have}, this one knows"
            f" {scripts[-1][0]}); upgrade this installation."
        )
    for number, script in scripts:
        if number > have:
            db.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};COMMIT;")


def _generation(db: sqlite3.Connection, wall: float) -> None:
    """A new database starts at the present second, so that no two lives share a generation."""
    if db.execute(load()["meta"], {"key": "generation"}).fetchone() is None:
        new_generation(db, wall)


def new_generation(db: sqlite3.Connection, wall: float) -> int:
    """Start a store generation above every earlier one (first start, and after a restore)."""
    row = db.execute(load()["meta"], {"key": "generation"}).fetchone()
    number = max(1 if row is None else int(row[0]) + 1, int(wall))
    db.execute(load()["set_meta"], {"key": "generation", "value": number})
    return number


def meta(db: sqlite3.Connection, key: str) -> float:
    """One number of the ``meta`` table."""
    return float(db.execute(load()["meta"], {"key": key}).fetchone()[0])
