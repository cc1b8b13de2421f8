"""The store's methods for submitters and readers: new tasks, one task, pages of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.core.shares import holder_of
from chatixia.errors import CursorExpired, DiskFull, NotFound, Overloaded
from chatixia.wire import tasks as t

from . import outcomes, submission
from .access import StoreAccess
from .memory import WriterMemory
from .queries import load
from .task_rows import StoredTask, to_task
from .writer import Lane

MOST_WAITED_FOR: Final = 1000
SCAN: Final = 20_000
"""Rows that one page of a filtered list looks at; a page may be short and still have a next."""
NEWEST: Final = 2**62


class TaskStore:
    """Each method is one item of the writer, or one read. ``disk_low``: why there is no room for
    new work, or ""."""

    def __init__(
        self, access: StoreAccess, memory: WriterMemory, disk_low: Callable[[], str]
    ) -> None:
        self._access, self._memory, self._disk_low = access, memory, disk_low

    async def submit(self, order: submission.SubmitOrder) -> t.Submitted:
        """A new durable task, or the first answer to the same key.

        Raises Conflict, DiskFull (below the floor) and Overloaded (over its holder's share).
        """
        if low := self._disk_low():
            raise DiskFull(low, retryable=False)  # no wait of a caller makes room
        await self._check_share(order)
        size = len(order.payload) + 512
        try:
            return await self._access.write(submission.submit, self._memory, order, size=size)
        except DiskFull as error:
            raise DiskFull(error.message, retryable=False) from None

    async def _check_share(self, order: submission.SubmitOrder) -> None:
        """Raise Overloaded at no cost of the writer, where it is sure that this is no repetition
        of what is stored already, or is about to be."""
        holder = holder_of(order.principal)
        try:
            self._memory.holdings.check(holder, len(order.payload))
        except Overloaded:
            if order.new:
                raise
            if self._access.writes_for(holder):
                return  # the first try may be among them
            scope = submission.scope_of(order)
            if not await self._access.run(lambda db: submission.is_stored(db, scope)):
                raise

    async def cancel(self, principal: Principal, id: str, reason: str = "") -> t.Ended:
        """Terminal at once, and why. Raises NotFound, Denied, Conflict."""
        return await self._access.write(
            outcomes.cancel, self._memory, principal, id, reason, lane=Lane.URGENT, size=256
        )

    async def get(self, ns: str, id: str) -> tuple[StoredTask, t.Task]:
        """A task with payload and result. Raises NotFound."""
        whole = await self._access.run(lambda db: _whole(db, id))
        if whole is None or whole[0].ns != ns:
            raise NotFound(f"There is no task {id}.")
        row, payload, result = whole
        return row, to_task(row, self._access.generation, self._access.now(), payload, result)

    async def page(self, principal: Principal, query: t.Query, everything: bool) -> t.Tasks:
        """A page, newest first, without payloads and results: all, or the principal's own."""
        params = self._params(principal, query, everything)
        rows, scanned = await self._access.run(lambda db: _page(db, params))
        now = self._access.now()
        shown = [to_task(row, self._access.generation, now) for row in rows]
        last = rows[-1].n if len(rows) == query.limit else scanned
        counts = await self.counts(principal.ns) if everything else {}
        return t.Tasks(shown, self._cursor(last), counts=counts)

    async def whole(
        self, principal: Principal, query: t.Query, everything: bool, room: int
    ) -> tuple[list[t.Task], str]:
        """A page with payloads and results, ``room`` bytes of them at most (but one task always),
        and the cursor of the rest, "" at the end."""
        params = self._params(principal, query, everything)
        result, last = await self._access.run(lambda db: _whole_page(db, params, room))
        now = self._access.now()
        tasks = [to_task(row, self._access.generation, now, *bodies) for row, bodies in result]
        return tasks, self._cursor(last)

    def _params(self, principal: Principal, query: t.Query, everything: bool) -> dict[str, Any]:
        return {
            "ns": principal.ns,
            "state": query.state,
            "skill": query.skill,
            "agent": query.agent,
            "me": principal.id,
            "machine": principal.machine,
            "everything": int(everything),
            "before": self._before(query.cursor),
            "limit": query.limit,
            "scan": SCAN,
            "id": query.id,
        }

    def _before(self, cursor: str) -> int:
        if not cursor:
            return NEWEST
        generation, n = core.fence_key(cursor)
        if generation != self._access.generation:
            raise CursorExpired
        return min(n, NEWEST)

    def _cursor(self, last: int | None) -> str:
        return "" if last is None else core.fence_text(self._access.generation, last)

    async def waiting_for(self, ns: str = "default") -> dict[str, int]:
        """Agents for which work waits, with how much of it: at most 1,000 of each."""
        return dict(await self._access.read("waiting_for", {"ns": ns, "limit": MOST_WAITED_FOR}))

    async def counts(self, ns: str = "default") -> dict[str, int]:
        """Tasks by state, kept in the writing transactions."""
        return dict(await self._access.read("counts", {"ns": ns}))


def _whole(db: sqlite3.Connection, id: str) -> tuple[StoredTask, bytes, bytes | None] | None:
    sql = load()
    result = db.execute(sql["task"], (id,)).fetchall()
    if not result:
        return None
    row = StoredTask(*result[0])
    return row, *_bodies(db, row.n)


def _bodies(db: sqlite3.Connection, n: int) -> tuple[bytes, bytes | None]:
    sql = load()
    [(payload, result)] = db.execute(sql["task_bodies"], (n,)).fetchall()
    if payload is None:
        [(payload,)] = db.execute(sql["payload"], (n,)).fetchall()
    return payload, result


Whole = tuple[StoredTask, tuple[bytes, bytes | None]]


def _whole_page(
    db: sqlite3.Connection, params: dict[str, Any], room: int
) -> tuple[list[Whole], int | None]:
    rows, scanned = _page(db, params)
    result: list[Whole] = []
    for row in rows:
        bodies = _bodies(db, row.n)
        room -= len(bodies[0]) + len(bodies[1] or b"")
        if result and room < 0:
            return result, result[-1][0].n
        result.append((row, bodies))
    return result, rows[-1].n if len(rows) == params["limit"] else scanned


def _page(db: sqlite3.Connection, params: dict[str, Any]) -> tuple[list[StoredTask], int | None]:
    sql = load()
    if params["id"]:  # by the index of ids: however old, it is found at once
        return [StoredTask(*row) for row in db.execute(sql["list_by_id"], params).fetchall()], None
    rows = [StoredTask(*row) for row in db.execute(sql["list"], params).fetchall()]
    scanned = db.execute(sql["scanned"], params).fetchall()
    return rows, scanned[0][0] if scanned else None
