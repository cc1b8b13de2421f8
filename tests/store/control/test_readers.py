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
from chatixia.store.control.holdings import ASKER
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
    await asyncio.gather(
        *(reading.run(lambda db: db.execute("SELECT * FROM meta").fetchall()) for _ in range(8))
    )
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


class Held:
    """Reads that hold every thread until :meth:`go`, and those behind them."""

    def __init__(self, reading: readers.Readers) -> None:
        self.reading, self.out = reading, threading.Event()
        self.order: list[str] = []
        self.tasks = [self.read("held", self.wait) for _ in range(readers.THREADS)]

    def wait(self, _: sqlite3.Connection) -> None:
        assert self.out.wait(30)

    def read(self, name: str, work: readers.Read[object]) -> asyncio.Future[object]:
        async def run() -> object:
            ASKER.set(name)
            return await self.reading.run(lambda db: (self.order.append(name), work(db)))

        return asyncio.ensure_future(run())

    async def go(self) -> None:
        self.out.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_who_reads_little_has_its_turn_whatever_others_read(reading: readers.Readers):
    held = Held(reading)
    held.tasks += [held.read("greedy", lambda _: None) for _ in range(200)]
    await asyncio.sleep(0)
    held.tasks.append(held.read("honest", lambda _: None))
    await asyncio.sleep(0)
    left = held.read("left", lambda _: None)
    await asyncio.sleep(0)
    left.cancel()
    await held.go()
    # A thread that has its work may be slow to say so; in the order of asking it would be the last.
    assert held.order.index("honest") < len(held.order) // 2
    assert "left" not in held.order and len(held.order) == readers.THREADS + 201


async def test_too_many_waiting_reads_of_one_holder_are_refused_and_others_are_not(
    reading: readers.Readers,
):
    held = Held(reading)
    reading._waiting.total = 16
    held.tasks += [held.read("greedy", lambda _: None) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as busy:
        await held.read("greedy", lambda _: None)
    assert busy.value.retry_after
    held.tasks.append(held.read("honest", lambda _: None))
    await held.go()
    assert "honest" in held.order
    await reading.run(lambda db: None)


async def test_a_closed_store_says_so(reading: readers.Readers):
    reading.close()
    with pytest.raises(Unavailable):
        await reading.run(lambda db: None)
