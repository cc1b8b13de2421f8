"""What one operation may touch while its group is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .queries import load

Params = dict[str, Any] | Sequence[Any]


class GroupPart(Protocol):
    """Something that gathers for a group what is written once, at its end."""

    def flush(self, tx: Transaction) -> None:
        """Write it; the group may still be abandoned."""
        ...

    def committed(self) -> None:
        """It is on the disk."""
        ...


class Transaction:
    """The open transaction of a group.

    ``run`` executes a named statement. ``notices`` are told to the loop after the commit; events
    and counts are written once a group. An item that fails takes back its own share of each, and
    what it gave to ``undo`` is called.
    """

    __slots__ = (
        "_events",
        "_sums",
        "_undo",
        "db",
        "generation",
        "notices",
        "now",
        "parts",
        "sql",
        "totals",
    )

    def __init__(self, db: sqlite3.Connection, generation: int) -> None:
        self.db = db
        self.generation = generation
        self.sql = load()
        self.now = 0.0
        self.notices: list[Any] = []
        self.parts: list[GroupPart] = []
        """What else is written once a group."""
        self._sums: list[tuple[str, str, int]] = []
        self._events: list[tuple[Any, ...]] = []
        self._undo: list[Callable[[], None]] = []
        self.totals: dict[tuple[str, str], int] = {}
        """Tasks by (namespace, state) as last committed; anyone may look."""

    def begin(self, now: float) -> None:
        """Open a group at store time ``now``."""
        self.now = now
        self.notices = []
        self._sums.clear()
        self._events.clear()
        self._undo.clear()
        self.db.execute("BEGIN IMMEDIATE")

    def run(self, name: str, params: Params = ()) -> sqlite3.Cursor:
        """Execute the statement ``name``."""
        return self.db.execute(self.sql[name], params)

    def one(self, name: str, params: Params = ()) -> Any:
        """The first row of the statement ``name``, or None."""
        return self.db.execute(self.sql[name], params).fetchone()

    def all(self, name: str, params: Params = ()) -> list[Any]:
        """All rows of the statement ``name``."""
        return self.db.execute(self.sql[name], params).fetchall()

    def count(self, ns: str, state: str, by: int) -> None:
        """``by`` more tasks are in ``state``."""
        self._sums.append((ns, state, by))

    def event(
        self, ns: str, kind: str, subject: str, change: str, body: bytes, task: int | None = None
    ) -> None:
        """Write one event row; ``task``: the number of the task with which it goes."""
        self._events.append((self.now, ns, kind, subject, change, body, task))

    def undo(self, call: Callable[[], None]) -> None:
        """What to do in memory if this item does not come to be."""
        self._undo.append(call)

    def item(self, work: Callable[[Transaction], Any]) -> Any:
        """Run one item under a savepoint; whatever it raises undoes it alone and goes on up."""
        execute = self.db.execute
        marks = len(self.notices), len(self._sums), len(self._events), len(self._undo)
        execute("SAVEPOINT item")
        try:
            result = work(self)
        except BaseException:
            if self.db.in_transaction:
                execute("ROLLBACK TO item")
                execute("RELEASE item")
            self._take_back(*marks)
            raise
        execute("RELEASE item")
        return result

    def _take_back(self, notices: int, sums: int, events: int, undo: int) -> None:
        del self.notices[notices:], self._sums[sums:], self._events[events:]
        while len(self._undo) > undo:
            self._undo.pop()()

    def abandon(self) -> None:
        """The group did not come to be: end what SQLite has not ended, undo what is in memory."""
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        self._take_back(0, 0, 0, 0)

    def flush(self) -> None:
        """Write what was gathered for the group: events, counts, the time mark."""
        if self._events:
            self.db.executemany(self.sql["put_event"], self._events)
        for (ns, state), by in self._summed().items():
            self.run("count", {"ns": ns, "state": state, "by": by})
        for part in self.parts:
            part.flush(self)
        self.run("mark", {"now": self.now})

    def commit(self) -> None:
        """Commit; after this everything of the group is on the disk."""
        self.db.execute("COMMIT")
        for key, by in self._summed().items():
            self.totals[key] = self.totals.get(key, 0) + by
        for part in self.parts:
            part.committed()

    def _summed(self) -> dict[tuple[str, str], int]:
        sums: dict[tuple[str, str], int] = {}
        for ns, state, by in self._sums:
            sums[ns, state] = sums.get((ns, state), 0) + by
        return {key: by for key, by in sums.items() if by}
