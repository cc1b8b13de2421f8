"""Opening: pragmas that durability stands on, migrations, generations, refusals."""

import sqlite3
import stat
from pathlib import Path

import pytest

from chatixia.errors import ConfigError
from chatixia.store.control import database
from chatixia.store.control.queries import migrations


def test_the_writer_syncs_every_commit_and_checkpoints_by_hand(tmp_path: Path):
    db = database.open_writer(tmp_path / database.NAME, 100.0)
    asked = {
        name: db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in (
            "journal_mode",
            "synchronous",
            "wal_autocheckpoint",
            "user_version",
        )
    }
    assert asked == {
        "journal_mode": "wal",
        "synchronous": 2,
        "wal_autocheckpoint": 0,
        "user_version": migrations()[-1][0],
    }
    db.close()


def test_files_are_readable_by_their_user_only(tmp_path: Path):
    path = tmp_path / database.NAME
    db = database.open_writer(path, 100.0)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3
    db.close()


def test_a_reader_can_neither_write_nor_checkpoint(tmp_path: Path):
    path = tmp_path / database.NAME
    writer = database.open_writer(path, 100.0)
    writer.execute("UPDATE meta SET value = 7 WHERE key = 'mark'")
    size = path.with_name(path.name + "-wal").stat().st_size
    reader = database.open_reader(path)
    assert database.meta(reader, "mark") == 7
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("UPDATE meta SET value = 8 WHERE key = 'mark'")
    reader.close()
    assert path.with_name(path.name + "-wal").stat().st_size == size
    writer.close()


def test_a_generation_is_drawn_once_and_rises_after_a_restore(tmp_path: Path):
    path = tmp_path / database.NAME
    db = database.open_writer(path, 1000.9)
    assert database.meta(db, "generation") == 1000
    db.close()
    db = database.open_writer(path, 5000.0)
    assert database.meta(db, "generation") == 1000
    assert database.new_generation(db, 5000.0) == 5000
    assert database.new_generation(db, 10.0) == 5001  # a clock that went back
    db.close()


def test_a_newer_schema_is_refused(tmp_path: Path):
    path = tmp_path / database.NAME
    database.open_writer(path, 1.0).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 999")
    raw.close()
    with pytest.raises(ConfigError, match=r"newer.*999.*upgrade"):
        database.open_writer(path, 1.0)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path):
    path = tmp_path / database.NAME
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(ConfigError, match="cannot be used"):
        database.open_writer(path, 1.0)


def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "NEEDED", (99, 0, 0))
    with pytest.raises(ConfigError, match="too old"):
        database.open_writer(tmp_path / "x.db", 1.0)
