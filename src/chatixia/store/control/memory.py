"""What the writer keeps in memory: which queues may hold work, whose turn it is, rows, due times.

All of it can be made again from the rows, which decide: a name may stand for an empty queue and a
due time for a row that has moved on, never the other way round; a row that is kept is dropped when
its change is undone.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from functools import partial
from typing import Final

from chatixia.core import task as core
from chatixia.core.shares import ShareLimits

from .holdings import Holdings
from .task_rows import StoredTask
from .tx import Transaction

MAX_PLACES: Final = 100_000
MAX_ROWS: Final = 4096

Queue = tuple[str, str]
"""(namespace, queue name)"""


class TaskQueues:
    """One writer's memory of its queues."""

    def __init__(self) -> None:
        self._ready: set[Queue] = set()
        self._served: dict[tuple[str, str, int], int] = {}
        self._places: dict[tuple[str, str, int], dict[str, int]] = {}
        self._size = 0
        self.claims = 0

    def load(self, rows: Iterable[tuple[str, str, int, str, int, int]]) -> None:
        """From the store: (ns, queue, priority, holder, highest turn, lowest turn)."""
        for ns, queue, priority, holder, high, low in rows:
            key = (ns, queue, priority)
            self._ready.add((ns, queue))
            self._served[key] = min(low, self._served.get(key, low))
            self._keep(key, holder, high)

    def place(self, ns: str, queue: str, priority: int, holder: str) -> int:
        """The place of a new task among the holders (core.shares) in its queue and priority."""
        key = (ns, queue, priority)
        served = self._served.get(key, 0)
        turn = core.turn(self._places.get(key, {}).get(holder), served)
        self._ready.add((ns, queue))
        self._keep(key, holder, turn)
        return turn

    def again(self, ns: str, queue: str, priority: int, turn: int, ready: bool) -> int:
        """The place of a task that comes back: its own, and never behind who is served now."""
        if ready:
            self._ready.add((ns, queue))
        return min(turn, self._served.get((ns, queue, priority), 0))

    def serve(self, ns: str, queue: str, priority: int, turn: int) -> None:
        """A task of that place was given out."""
        key = (ns, queue, priority)
        self._served[key] = max(turn, self._served.get(key, 0))
        self.claims += 1

    def holding(self, ns: str, names: Iterable[str]) -> list[str]:
        """Those of ``names`` that may hold work."""
        return [name for name in names if (ns, name) in self._ready]

    def any(self) -> bool:
        """Whether any queue may hold work."""
        return bool(self._ready)

    def empty(self, ns: str, queue: str) -> None:
        """The store says that nothing waits there."""
        self._ready.discard((ns, queue))
        for key in [key for key in self._places if key[:2] == (ns, queue)]:
            self._size -= len(self._places.pop(key))
            self._served.pop(key, None)

    def _keep(self, key: tuple[str, str, int], holder: str, turn: int) -> None:
        places = self._places.setdefault(key, {})
        self._size += holder not in places
        places[holder] = turn
        if self._size > MAX_PLACES:
            self._prune()

    def _prune(self) -> None:
        """Forget who is not ahead of what is served: the same place would be drawn again."""
        for key, places in self._places.items():
            served = self._served.get(key, 0)
            self._places[key] = {holder: turn for holder, turn in places.items() if turn > served}
        self._size = sum(map(len, self._places.values()))


class RowCache:
    """Rows as the open transaction has them: only the writer writes, so it need not ask."""

    def __init__(self) -> None:
        self.by_id: dict[str, StoredTask] = {}
        self._by_number: dict[int, StoredTask] = {}
        self._payloads: dict[int, bytes] = {}

    def get(self, tx: Transaction, id: str) -> StoredTask | None:
        """The row of that id, if there is one."""
        row = self.by_id.get(id)
        if row is None and (columns := tx.one("task", (id,))) is not None:
            row = StoredTask(*columns)
        return row

    def number(self, tx: Transaction, n: int) -> StoredTask | None:
        """The row of that number, if there is one."""
        row = self._by_number.get(n)
        if row is None and (columns := tx.one("task_by_number", (n,))) is not None:
            row = StoredTask(*columns)
        return row

    def payload(self, tx: Transaction, n: int) -> bytes:
        """The payload of a row."""
        payload = self._payloads.get(n)
        if payload is not None:
            return payload
        small = tx.one("task_bodies", (n,))[0]
        return bytes(small if small is not None else tx.one("payload", (n,))[0])

    def keep(self, tx: Transaction, row: StoredTask, payload: bytes | None = None) -> None:
        """Remember a row as it was just written."""
        if len(self.by_id) >= MAX_ROWS:
            self.clear()
        self.by_id[row.id] = self._by_number[row.n] = row
        if payload is not None:
            self._payloads[row.n] = payload
        tx.undo(partial(self.drop, row))

    def drop(self, row: StoredTask) -> None:
        """Forget a row."""
        self.by_id.pop(row.id, None)
        self._by_number.pop(row.n, None)
        self._payloads.pop(row.n, None)

    def clear(self) -> None:
        """Forget all."""
        self.by_id.clear()
        self._by_number.clear()
        self._payloads.clear()


SPARE: Final = 1024
"""Superseded times that may lie among the living ones before they are cleared out."""


class DueRows:
    """When which row must be looked at; an entry that comes too early is put back.

    One time per row that lives, its earliest; what ended is let go of at once, whatever deadline
    it had.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._of: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._of)

    def add(self, when: float, n: int) -> None:
        """Look at row ``n`` at store time ``when``, if not before."""
        if self._of.get(n, math.inf) > when:
            self._of[n] = when
            heapq.heappush(self._heap, (when, n))
            self._clear()

    def forget(self, n: int) -> None:
        """There is no row ``n`` after all."""
        self._of.pop(n, None)

    def drop(self, tx: Transaction, n: int) -> None:
        """Row ``n`` has ended; its time comes back if the item is undone."""
        when = self._of.pop(n, None)
        if when is not None:
            tx.undo(partial(self.add, when, n))
            self._clear()

    def _clear(self) -> None:
        if len(self._heap) > 2 * len(self._of) + SPARE:
            # A new list in one step: ``first`` may look from another thread.
            heap = [(at, row) for row, at in self._of.items()]
            heapq.heapify(heap)
            self._heap = heap

    def first(self) -> float | None:
        """When the next one is due, or before that; safe to ask from any thread."""
        try:
            return self._heap[0][0]
        except IndexError:
            return None

    def take(self, tx: Transaction, limit: int) -> list[int]:
        """Up to ``limit`` numbers of rows that are due; they come back if the item is undone."""
        taken: list[int] = []
        while self._heap and self._heap[0][0] <= tx.now and len(taken) < limit:
            when, n = heapq.heappop(self._heap)
            if self._of.get(n) == when:
                del self._of[n]
                tx.undo(partial(self.add, when, n))
                taken.append(n)
        return taken


class WriterMemory:
    """All that the writer keeps. ``lease``: seconds of the lease that it gives."""

    def __init__(
        self,
        lease: float = core.LEASE,
        bounds: ShareLimits = ShareLimits(),  # noqa: B008 - frozen
    ) -> None:
        self.lease = lease
        self.queues = TaskQueues()
        self.rows = RowCache()
        self.dues = DueRows()
        self.holdings = Holdings(bounds)

    def load(self, tx: Transaction) -> None:
        """Make it from the rows that live."""
        self.holdings.load(tx)
        self.queues.load(tx.all("queues"))
        for n, when in (*tx.all("waiting"), *tx.all("paused")):
            self.dues.add(when, n)
        for columns in tx.all("held"):
            row = StoredTask(*columns)
            self.dues.add(row.due(), row.n)
