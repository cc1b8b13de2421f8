"""Migrations: from nothing, again, by two at once, and never backwards."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatixia.errors import ConfigError
from chatixia.store.local import schema

OPEN: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def connect(path: Path) -> sqlite3.Connection:
    OPEN.append(sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False))
    return OPEN[-1]


def version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_from_nothing_and_again(tmp_path: Path):
    db = connect(tmp_path / "a.db")
    schema.migrate(db, "a")
    before = db.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    schema.migrate(db, "a")
    assert version(db) == schema.VERSION
    assert db.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before


def test_a_newer_file_is_refused(tmp_path: Path):
    db = connect(tmp_path / "a.db")
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(ConfigError, match="newer version"):
        schema.migrate(db, "a.db")


def test_a_step_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    db = connect(tmp_path / "a.db")
    monkeypatch.setattr(schema, "STEPS", ("CREATE TABLE t (x); CREATE TABLE t (x);",))
    with pytest.raises(sqlite3.Error):
        schema.migrate(db, "a")
    assert version(db) == 0
    assert not db.execute("SELECT * FROM sqlite_master").fetchall()


def test_a_step_is_added_to_a_file_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    db = connect(tmp_path / "a.db")
    schema.migrate(db, "a")
    db.execute("INSERT INTO facts VALUES ('x', 1)")
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, "CREATE TABLE later (x)"))
    monkeypatch.setattr(schema, "VERSION", len(schema.STEPS))
    schema.migrate(db, "a")
    assert db.execute("SELECT value FROM facts").fetchone() == (1,)
    assert db.execute("SELECT count(*) FROM later").fetchone() == (0,)


def test_many_at_once_make_one_schema(tmp_path: Path):
    failed: list[BaseException] = []

    def run() -> None:
        try:
            db = connect(tmp_path / "a.db")
            schema.migrate(db, "a")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failed
    assert version(connect(tmp_path / "a.db")) == schema.VERSION


def test_a_file_of_the_first_step_keeps_its_pins_and_loses_the_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    db = connect(tmp_path / "a.db")
    with monkeypatch.context() as first:
        first.setattr(schema, "STEPS", schema.STEPS[:1])
        first.setattr(schema, "VERSION", 1)
        schema.migrate(db, "a")
    db.execute("INSERT INTO facts VALUES ('x', 1)")
    db.execute("INSERT INTO calls VALUES ('bob', 'k', 9e9, NULL)")
    schema.migrate(db, "a")
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names >= {"pins", "revocations", "facts", "conversations", "spending"}
    assert "calls" not in names
    assert db.execute("SELECT value FROM facts").fetchone() == (1,)
