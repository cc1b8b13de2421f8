"""What one operation may touch while its group is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from .queries import load

Params = dict[str, Any]


class Tx:
    """The open transaction of a group.

    ``run`` executes a named statement. ``notices`` are told to the loop after the commit; counts
    are summed and written once a group. An item that fails takes back its own share of both.
    """

    __slots__ = ("_sums", "db", "generation", "notices", "now", "sql", "totals")

    def __init__(self, db: sqlite3.Connection, generation: int) -> None:
        self.db = db
        self.generation = generation
        self.sql = load()
        self.now = 0.0
        self.notices: list[Any] = []
        self._sums: list[tuple[str, str, int]] = []
        self.totals: dict[tuple[str, str], int] = {}
        """Tasks by (namespace, state) as last committed; anyone may look."""

    def begin(self, now: float) -> None:
        """Open a group at store time ``now``."""
        self.now = now
        self.notices, self._sums = [], []
        self.db.execute("BEGIN IMMEDIATE")

    def run(self, name: str, params: Params | None = None) -> sqlite3.Cursor:
        """Execute the statement ``name``."""
        return self.db.execute(self.sql[name], params or {})

    def one(self, name: str, params: Params) -> Any:
        """The first row of the statement ``name``, or None."""
        return self.db.execute(self.sql[name], params).fetchone()

    def all(self, name: str, params: Params) -> list[Any]:
        """All rows of the statement ``name``."""
        return self.db.execute(self.sql[name], params).fetchall()

    def count(self, ns: str, state: str, by: int) -> None:
        """``by`` more tasks are in ``state``."""
        self._sums.append((ns, state, by))

    def event(
        self, ns: str, kind: str, subject: str, change: str, body: bytes, task: int | None = None
    ) -> None:
        """Write one event row; ``task``: the number of the task with which it goes."""
        self.run("put_event", {
            "at": self.now, "ns": ns, "kind": kind, "subject": subject, "change": change,
            "body": body, "task": task,
        })  # fmt: skip

    def item(self, work: Callable[[Tx], Any]) -> Any:
        """Run one item under a savepoint; whatever it raises undoes it alone and goes on up."""
        execute = self.db.execute
        mark = len(self.notices), len(self._sums)
        execute("SAVEPOINT item")
        try:
            result = work(self)
        except BaseException:
            del self.notices[mark[0] :], self._sums[mark[1] :]
            if self.db.in_transaction:
                execute("ROLLBACK TO item")
                execute("RELEASE item")
            raise
        execute("RELEASE item")
        return result

    def commit(self) -> None:
        """Write counts and the time mark, then commit."""
        sums: dict[tuple[str, str], int] = {}
        for ns, state, by in self._sums:
            sums[ns, state] = sums.get((ns, state), 0) + by
        for (ns, state), by in sums.items():
            if by:
                self.run("count", {"ns": ns, "state": state, "by": by})
        self.run("mark", {"now": self.now})
        self.db.execute("COMMIT")
        for key, by in sums.items():
            self.totals[key] = self.totals.get(key, 0) + by
