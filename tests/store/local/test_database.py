"""How an agent's own file is opened, and what its errors become."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from chatixia.errors import ConfigError, DiskFull, Unavailable
from chatixia.store.local import database, schema


def test_the_file_is_its_users_alone_and_at_the_newest_step(tmp_path: Path):
    with closing(database.connected(tmp_path / "a.db")) as db:
        database.prepare(db, "a")
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    assert stat.S_IMODE((tmp_path / "a.db").stat().st_mode) == 0o600


def test_what_cannot_be_opened_is_a_refusal(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be opened"):
        database.connected(tmp_path / "no" / "a.db")


def test_a_full_disk_is_told_from_other_errors():
    with closing(database.in_memory()) as db:
        db.execute("CREATE TABLE t (x)")
        db.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.Error) as full:
            db.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert isinstance(database.failed("a.db", full.value), DiskFull)
    assert isinstance(database.failed("a.db", sqlite3.OperationalError("locked")), Unavailable)
