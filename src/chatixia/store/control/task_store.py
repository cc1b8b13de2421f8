"""The store's methods for tasks; what they do is in the modules beside, each one noun."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.core.shares import holder_of
from chatixia.errors import CursorExpired, DiskFull, NotFound, Overloaded, WireError
from chatixia.wire import tasks as t

from . import grants, leases, outcomes, removal, submission, sweep
from .base import StoreBase
from .queries import load
from .task_rows import StoredTask, to_task
from .writer import Lane

T = TypeVar("T")
MOST_WAITED_FOR: Final = 1000
SCAN: Final = 20_000
"""Rows that one page of a filtered list looks at; a page may be short and still have a next."""
NEWEST: Final = 2**62


class TaskStore(StoreBase):
    """Each method is one item of the writer, or one read."""

    async def submit(self, order: submission.SubmitOrder) -> t.Submitted:
        """A new durable task, or the first answer to the same key.

        Raises Conflict, DiskFull (below the floor) and Overloaded (over its holder's share).
        """
        if low := self.disk_low():
            raise DiskFull(low, retryable=False)  # no wait of a caller makes room
        await self._check_share(order)
        size = len(order.payload) + 512
        try:
            return await self._write(submission.submit, self._memory, order, size=size)
        except DiskFull as error:
            raise DiskFull(error.message, retryable=False) from None

    async def _check_share(self, order: submission.SubmitOrder) -> None:
        """Raise Overloaded at no cost of the writer, where it is sure that this is no repetition
        of what is stored already, or is about to be."""
        holder = holder_of(order.who)
        try:
            self._memory.holdings.check(holder, len(order.payload))
        except Overloaded:
            if order.new:
                raise
            if self._writer.has(holder):
                return  # the first try may be among them
            scope = submission.scope_of(order)
            if not await self._readers.run(lambda db: submission.is_known(db, scope)):
                raise

    async def complete(self, who: Principal, id: str, fence: str, result: bytes) -> t.Ended:
        """Raises NotFound, StaleFence, Cancelled; repeated, the first answer."""
        return await self._end(outcomes.complete, who, id, fence, result, size=len(result) + 256)

    async def fail(self, who: Principal, id: str, fence: str, error: WireError) -> t.Ended:
        """As ``complete``; tried again if the error is retryable and attempts are left."""
        return await self._end(outcomes.fail, who, id, fence, error, self._world.jitter())

    async def release(self, who: Principal, id: str, fence: str) -> t.Ended:
        """Give it back without an attempt counted."""
        return await self._end(outcomes.release, who, id, fence)

    async def cancel(self, who: Principal, id: str, reason: str = "") -> t.Ended:
        """Terminal at once, and why. Raises NotFound, Denied, Conflict."""
        return await self._end(outcomes.cancel, who, id, reason)

    async def update(self, who: Principal, said: t.Update) -> None:
        """The described report; raises as ``complete``, and Denied."""
        size = 256 if said.result is msgspec.UNSET else len(bytes(said.result))
        await self._end(outcomes.update, who, said, self._world.jitter(), size=size)

    async def _end(self, run: Callable[..., T], *args: Any, size: int = 256) -> T:
        return await self._write(run, self._memory, *args, lane=Lane.URGENT, size=size)

    async def started(self, who: Principal, id: str, fence: str) -> None:
        """The holder took it up. Raises as ``complete``."""
        await self._end(leases.started, who, id, fence)

    async def renew(self, who: Principal, held: list[t.Held]) -> t.Renewed:
        """All leases of one worker, each answered for itself."""
        return await self._end(leases.renew, who, held)

    async def claim(self, who: Principal, said: t.Claim, skills: Iterable[str]) -> t.Grants:
        """Up to ``limit`` tasks; the same claim id gets the same grant."""
        return await self._write(grants.claim, self._memory, who, said, tuple(skills))

    async def poll(self, who: Principal, skills: Iterable[str]) -> list[t.Task]:
        """The described heartbeat: renew what it holds for 60 s, then take more."""
        return await self._write(grants.poll, self._memory, who, tuple(skills))

    async def end_leases(
        self,
        worker: str,
        incarnation: str,
        marks: Iterable[tuple[str, int]] = (),
        clean: bool = False,
    ) -> int:
        """That process is gone: its tasks go back or have failed; gives how many.

        ``marks``: tasks said to be started that are not yet written so; else an attempt would
        not count, and a task that may be tried once would run twice. ``clean``: it said goodbye.
        """
        jitter = self._world.jitter()
        return await self._end(leases.end_leases, worker, incarnation, list(marks), jitter, clean)

    async def open_of(
        self, ns: str, gone: core.RemovedParties, after: int = 0
    ) -> tuple[list[int], int]:
        """Open tasks that concern ``gone``, by number, from behind ``after`` on; and where to go
        on, 0 at the end."""
        return await self._readers.run(lambda db: removal.page(db, ns, gone, after))

    async def remove(
        self,
        gone: core.RemovedParties,
        numbers: Iterable[int],
        marks: Iterable[tuple[str, int]] = (),
    ) -> int:
        """End or give back those of :meth:`open_of`, ``marks`` as in :meth:`end_leases`; gives how
        many."""
        marked, jitter = list(marks), self._world.jitter()
        return await self._write(
            removal.remove, self._memory, gone, list(numbers), marked, jitter, lane=Lane.UPKEEP
        )

    async def sweep(
        self, marks: list[tuple[str, int]], away: Iterable[tuple[str, str]] = ()
    ) -> int:
        """Do what is due (at most 200 rows; gives how many), writing ``marks`` first; processes
        that are ``away`` (worker, incarnation) are left to :meth:`end_leases`."""
        asked = sweep.SweepRequest(self.now(), marks, frozenset(away), self._world.jitter())
        return await self._write(sweep.sweep, self._memory, asked, lane=Lane.UPKEEP)

    async def tidy(self) -> int:
        """Drop what outlived its use; gives how many rows."""
        return await self._write(sweep.tidy, self._memory, lane=Lane.UPKEEP)

    async def trim(self) -> int:
        """Make room: the oldest ended tasks of whoever has more than its share of the disk go.

        At most 200; gives how many. Nothing is written if nobody has.
        """
        if not self._memory.holdings.bytes.greedy():
            return 0
        return await self._write(sweep.trim, self._memory, lane=Lane.UPKEEP)

    async def fetched(self, tasks: list[tuple[str, int]]) -> None:
        """The submitters of these ended tasks, each by holder and number, have their results:
        when room must be made they go first."""
        await self._write(sweep.fetched, tasks, lane=Lane.UPKEEP)

    async def poke(self) -> None:
        """An empty group, so that its tail gives waiting tasks to new seats."""
        await self._write(lambda tx: None)

    # --- reads --------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """Store time at which the sweeper has something to do, if anything lives."""
        return self._memory.dues.first()

    async def leased(self) -> list[StoredTask]:
        """All leased tasks."""
        return [StoredTask(*row) for row in await self._read("held", {})]

    async def task(self, ns: str, id: str) -> tuple[StoredTask, t.Task]:
        """A task with payload and result. Raises NotFound."""
        found = await self._readers.run(lambda db: _whole(db, id))
        if found is None or found[0].ns != ns:
            raise NotFound(f"There is no task {id}.")
        row, payload, result = found
        return row, to_task(row, self.generation, self.now(), payload, result)

    async def tasks(self, who: Principal, query: t.Query, everything: bool) -> t.Tasks:
        """A page, newest first, without payloads and results: all, or what concerns ``who``."""
        params = self._wanted(who, query, everything)
        rows, scanned = await self._readers.run(lambda db: _page(db, params))
        now = self.now()
        shown = [to_task(row, self.generation, now) for row in rows]
        last = rows[-1].n if len(rows) == query.limit else scanned
        counts = await self.counts(who.ns) if everything else {}
        return t.Tasks(shown, self._cursor(last), counts=counts)

    async def whole(
        self, who: Principal, query: t.Query, everything: bool, room: int
    ) -> tuple[list[t.Task], str]:
        """A page with payloads and results, ``room`` bytes of them at most (but one task always),
        and the cursor of the rest, "" at the end."""
        params = self._wanted(who, query, everything)
        found, last = await self._readers.run(lambda db: _whole_page(db, params, room))
        now = self.now()
        tasks = [to_task(row, self.generation, now, *bodies) for row, bodies in found]
        return tasks, self._cursor(last)

    def _wanted(self, who: Principal, query: t.Query, everything: bool) -> dict[str, Any]:
        return {
            "ns": who.ns,
            "state": query.state,
            "skill": query.skill,
            "agent": query.agent,
            "me": who.id,
            "machine": who.machine,
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
        if generation != self.generation:
            raise CursorExpired
        return min(n, NEWEST)

    def _cursor(self, last: int | None) -> str:
        return "" if last is None else core.fence_text(self.generation, last)

    async def waiting_for(self, ns: str = "default") -> dict[str, int]:
        """Agents for which work waits, with how much of it: at most 1,000 of each."""
        return dict(await self._read("waiting_for", {"ns": ns, "limit": MOST_WAITED_FOR}))

    async def counts(self, ns: str = "default") -> dict[str, int]:
        """Tasks by state, kept in the writing transactions."""
        return dict(await self._read("counts", {"ns": ns}))


def _whole(db: sqlite3.Connection, id: str) -> tuple[StoredTask, bytes, bytes | None] | None:
    sql = load()
    found = db.execute(sql["task"], (id,)).fetchall()
    if not found:
        return None
    row = StoredTask(*found[0])
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
    found: list[Whole] = []
    for row in rows:
        bodies = _bodies(db, row.n)
        room -= len(bodies[0]) + len(bodies[1] or b"")
        if found and room < 0:
            return found, found[-1][0].n
        found.append((row, bodies))
    return found, rows[-1].n if len(rows) == params["limit"] else scanned


def _page(db: sqlite3.Connection, params: dict[str, Any]) -> tuple[list[StoredTask], int | None]:
    sql = load()
    if params["id"]:  # by the index of ids: however old, it is found at once
        return [StoredTask(*row) for row in db.execute(sql["list_by_id"], params).fetchall()], None
    rows = [StoredTask(*row) for row in db.execute(sql["list"], params).fetchall()]
    seen = db.execute(sql["scanned"], params).fetchall()
    return rows, seen[0][0] if seen else None
