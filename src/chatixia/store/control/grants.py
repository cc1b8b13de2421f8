"""Who gets which task: pushed within declared slots, claimed, or polled by heartbeat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.wire import tasks as t
from chatixia.wire.base import encode

from .leases import holds
from .memory import WriterMemory
from .repeats import DAY, remember
from .task_rows import StoredTask, TaskAssigned, to_task
from .tx import Transaction

PER_GROUP: Final = 256
BYTES_PER_GROUP: Final = 4 * 1024 * 1024
POLLED: Final = 16
"""Tasks that a polling agent may hold at once."""


class WorkerSeat(NamedTuple):
    """A worker that takes pushed work: ``slots`` tasks at once, held ones included."""

    id: str
    ns: str
    incarnation: str
    slots: int
    skills: frozenset[str]


class Taker(NamedTuple):
    """Who takes one task, and under which lease. ``started``: no word of it is awaited."""

    id: str
    ns: str
    incarnation: str
    queues: tuple[str, ...]
    lease: float
    started: bool = True


def serves(me: str, skills: Iterable[str]) -> tuple[str, ...]:
    """The queues that an agent serves: its own, and its skills'."""
    return (core.queue_name("", me), *skills)


def assign(tx: Transaction, memory: WriterMemory, seats: Sequence[WorkerSeat]) -> int:
    """Give waiting tasks to free seats in turn, told as notices; gives how many."""
    count, size = 0, 0
    waiting = [(seat, free) for seat in seats if (free := _free(tx, memory, seat)) > 0]
    while waiting and count < PER_GROUP and size < BYTES_PER_GROUP:
        still = []
        for seat, free in waiting:
            row = take(tx, memory, _pushed(seat, memory.lease))
            if row is None:
                continue
            count, size = count + 1, size + row.size
            if free > 1:
                still.append((seat, free - 1))
        waiting = still
    return count


def _pushed(seat: WorkerSeat, lease: float) -> Taker:
    names = serves(seat.id, seat.skills)
    return Taker(seat.id, seat.ns, seat.incarnation, names, lease, started=False)


def _free(tx: Transaction, memory: WriterMemory, seat: WorkerSeat) -> int:
    if not memory.queues.holding(seat.ns, serves(seat.id, seat.skills)):
        return 0
    holding: int = tx.one("held_count", (seat.id,))[0]
    return seat.slots - holding


def take(tx: Transaction, memory: WriterMemory, taker: Taker) -> StoredTask | None:
    """Assign the next task that ``taker`` may have, if there is one."""
    n = _next(tx, memory, taker)
    row = None if n is None else memory.rows.number(tx, n)
    if row is None:
        return None
    payload = memory.rows.payload(tx, row.n)
    row = _assigned(tx, row, taker)
    memory.rows.keep(tx, row)
    # Any later lease, renewal or start only moves this on.
    memory.dues.add(row.due(), row.n)
    memory.queues.serve(row.ns, row.queue, row.priority, row.turn)
    _tell(tx, row, payload, taker)
    return row


def _assigned(tx: Transaction, row: StoredTask, taker: Taker) -> StoredTask:
    after = row.copy()
    after.state, after.ready = core.step(row.state, "grant").to, 0
    after.worker, after.incarnation = taker.id, taker.incarnation
    after.fence, after.deliveries = row.fence + 1, row.deliveries + 1
    after.started, after.attempt = int(taker.started), row.attempt + taker.started
    after.lease, after.updated = tx.now + taker.lease, tx.now
    tx.run(
        "grant",
        (
            taker.id,
            taker.incarnation,
            after.started,
            after.started,
            after.lease,
            tx.now,
            row.n,
        ),
    )
    return after


def _tell(tx: Transaction, row: StoredTask, payload: bytes, taker: Taker) -> None:
    attempt = row.attempt + (0 if taker.started else 1)
    tx.count(row.ns, "pending", -1)
    tx.count(row.ns, "assigned", 1)
    note = {"state": "assigned", "agent": taker.id, "attempt": attempt}
    tx.event(row.ns, "task", row.id, "assigned", encode(note), row.n)
    task = _shown(tx, row, payload)
    tx.notices.append(TaskAssigned(task, row, attempt, not taker.started))


def _shown(tx: Transaction, row: StoredTask, payload: bytes) -> t.Task:
    """The task as its worker sees it: by its key it knows what a link may have brought, too."""
    task = to_task(row, tx.generation, tx.now, payload)
    if row.idempotent:
        task.scope = row.scope.hex()
    return task


def _next(tx: Transaction, memory: WriterMemory, taker: Taker) -> int | None:
    """The number of the next task: one probe per queue that may hold work."""
    claims = memory.queues.claims
    oldest = claims % core.OLDEST_EVERY == core.OLDEST_EVERY - 1
    heads: list[core.QueueHead] = []
    for name in memory.queues.holding(taker.ns, taker.queues):
        probe = (taker.ns, name, taker.id)
        head = tx.one("queue_head", probe)
        if head is None and tx.one("queue_any", probe[:2]) is None:
            memory.queues.empty(taker.ns, name)
        while head is not None:
            heads.append(core.QueueHead(head[1], head[0]))
            # The oldest may wait behind a higher priority: then each priority has its head.
            head = tx.one("queue_below", (*probe, head[1])) if oldest else None
    best = core.choose(heads, claims)
    return None if best is None else best.n


# --- claims ---------------------------------------------------------------------------------------

_grants: Final = msgspec.json.Decoder(list[tuple[str, int]])


def claim(
    tx: Transaction,
    memory: WriterMemory,
    principal: Principal,
    request: t.Claim,
    skills: Iterable[str],
) -> t.Grants:
    """Up to ``limit`` tasks; the same claim id gets the same grant, as far as it is still held."""
    scope = core.scope(principal.ns, principal.id, "tasks.claim", request.claim_id)
    answer_before = tx.one("remembered", (scope,))
    if answer_before is not None:
        return _regrant(tx, memory, principal, _grants.decode(answer_before[1]))
    lease = core.lease(principal.kind, memory.lease)
    me = Taker(
        principal.id, principal.ns, principal.incarnation, serves(principal.id, skills), lease
    )
    rows = _several(tx, memory, me, request.limit)
    if rows:
        answer = encode([(row.id, row.fence) for row in rows])
        remember(tx, memory, principal, scope, answer, tx.now + DAY)
    return t.Grants([_grant(tx, memory, row) for row in rows])


def _several(tx: Transaction, memory: WriterMemory, me: Taker, limit: int) -> list[StoredTask]:
    rows: list[StoredTask] = []
    size = 0
    # What goes into one answer must fit one message.
    while len(rows) < limit and size < t.MAX_PAYLOAD and (row := take(tx, memory, me)):
        rows.append(row)
        size += row.size
    return rows


def _grant(tx: Transaction, memory: WriterMemory, row: StoredTask) -> t.Grant:
    task = _shown(tx, row, memory.rows.payload(tx, row.n))
    lease = max(0, int((row.lease - tx.now) * 1000))
    return t.Grant(task, lease, task.fence, row.attempt)


def _regrant(
    tx: Transaction, memory: WriterMemory, principal: Principal, assignments: list[tuple[str, int]]
) -> t.Grants:
    rows = [(memory.rows.get(tx, id), fence) for id, fence in assignments]
    return t.Grants(
        [_grant(tx, memory, row) for row, fence in rows if row and holds(row, principal.id, fence)]
    )


def poll(
    tx: Transaction, memory: WriterMemory, principal: Principal, skills: Iterable[str]
) -> list[t.Task]:
    """The described heartbeat: each one renews the agent's leases, then takes more work."""
    lease = tx.now + core.POLL_LEASE
    holding: int = tx.run(
        "renew_all", {"worker": principal.id, "ns": principal.ns, "lease": lease}
    ).rowcount
    memory.rows.clear()
    names = serves(principal.id, skills)
    me = Taker(principal.id, principal.ns, principal.incarnation, names, core.POLL_LEASE)
    rows = _several(tx, memory, me, POLLED - holding)
    return [to_task(row, tx.generation, tx.now, memory.rows.payload(tx, row.n)) for row in rows]
