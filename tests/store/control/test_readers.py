"""Readers: off the loop, read-only, a second at most, and never in the writer's way."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatixia.errors import Overloaded, Unavailable
from chatixia.store.control import readers
from chatixia.store.control.database import open_writer
from chatixia.world import REAL

from .kit import Clock

ENDLESS = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT max(n) FROM x"


class Jumping(Clock):
    """Each look at the clock is a second later."""

    def monotonic(self) -> float:
        self.mono_now += 1.0
        return self.mono_now


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    db = open_writer(tmp_path / "registry.db", 1.0)
    yield db
    db.close()


@pytest.fixture
async def reading(writer: sqlite3.Connection, tmp_path: Path) -> AsyncIterator[readers.Readers]:
    made = readers.Readers(tmp_path / "registry.db", REAL)
    yield made
    made.close()


async def test_it_reads_what_is_committed_off_the_loop(
    writer: sqlite3.Connection, reading: readers.Readers
):
    writer.execute("UPDATE meta SET value = 42 WHERE key = 'mark'")

    def read(db: sqlite3.Connection) -> tuple[float, str]:
        value = db.execute("SELECT value FROM meta WHERE key = 'mark'").fetchall()[0][0]
        return value, threading.current_thread().name

    value, thread = await reading.run(read)
    assert value == 42
    assert thread.startswith("chatixia-reader")


async def test_a_query_ends_after_its_second(writer: sqlite3.Connection, tmp_path: Path):
    made = readers.Readers(tmp_path / "registry.db", Jumping())
    with pytest.raises(Unavailable, match="interrupted"):
        await made.run(lambda db: db.execute(ENDLESS).fetchall())
    made.close()


async def test_no_reader_outlives_its_query(writer: sqlite3.Connection, reading: readers.Readers):
    """An open read would keep the log from being folded back."""
    await asyncio.gather(*(
        reading.run(lambda db: db.execute("SELECT * FROM meta").fetchall()) for _ in range(8)
    ))  # fmt: skip
    writer.execute("UPDATE meta SET value = 1 WHERE key = 'mark'")
    busy, log, folded = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, log, folded) == (0, 0, 0)


async def test_writes_go_on_while_a_read_is_open(
    writer: sqlite3.Connection, reading: readers.Readers
):
    inside, out = threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> list[float]:
        sql = "SELECT value FROM meta WHERE key = 'mark'"
        first = db.execute(sql).fetchall()
        inside.set()
        assert out.wait(30)
        return [first[0][0], db.execute(sql).fetchall()[0][0]]

    read = asyncio.ensure_future(reading.run(slow))
    await asyncio.get_running_loop().run_in_executor(None, inside.wait, 30)
    writer.execute("UPDATE meta SET value = 9 WHERE key = 'mark'")
    out.set()
    assert await read == [0.0, 0.0]  # one snapshot


async def test_too_many_waiting_reads_are_refused(
    reading: readers.Readers, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(readers, "WAITING", 0)
    with pytest.raises(Overloaded):
        await reading.run(lambda db: None)


async def test_a_closed_store_says_so(reading: readers.Readers):
    reading.close()
    with pytest.raises(Unavailable):
        await reading.run(lambda db: None)
