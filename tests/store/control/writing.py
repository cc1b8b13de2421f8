"""A writer on a real file, for tests of what it does with groups."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from chatixia.store.control.clock import StoreClock
from chatixia.store.control.database import open_writer
from chatixia.store.control.files import DatabaseFiles
from chatixia.store.control.tx import Transaction
from chatixia.store.control.wal import Wal
from chatixia.store.control.writer import Lane, Writer

from . import kit


class Bench:
    """A writer on a real file, with a way to hold its thread between two groups."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "registry.db"
        self.db = open_writer(self.path, 1.0)
        self.deaths: list[str] = []
        self.db.execute("UPDATE meta SET value = value")  # makes the write-ahead file
        log, clock = Wal(self.db, self.path), kit.Clock()
        files = DatabaseFiles(self.path, log.path, clock)
        self.writer = Writer(
            Transaction(self.db, 1), StoreClock(clock, 0.0), log, files, self.deaths.append
        )
        self.writer.start()

    async def note(self, kind: str, lane: Lane = Lane.SUBMIT, size: int = 0) -> None:
        await self.writer.put(
            lambda tx: tx.run("note_failure", {"at": 1.0, "kind": kind}) and None, lane, size
        )

    async def hold(self) -> Callable[[], None]:
        """Stop the thread inside a group; gives what lets it go on."""
        import threading

        go, inside = threading.Event(), threading.Event()

        def wait(tx: Transaction) -> None:
            inside.set()
            assert go.wait(30)

        self.held = asyncio.ensure_future(self.writer.put(wait))
        await asyncio.get_running_loop().run_in_executor(None, inside.wait, 30)
        return go.set

    def rows(self) -> list[str]:
        with sqlite3.connect(self.path) as db:
            found = [row[0] for row in db.execute("SELECT kind FROM failures ORDER BY rowid")]
        db.close()
        return found
