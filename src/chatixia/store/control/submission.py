"""New tasks: written once for each idempotency key, within their holder's share.

Every function but ``is_stored`` runs in the writer's transaction.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.core.shares import holder_of
from chatixia.errors import AlreadyDone, Conflict, Overloaded
from chatixia.wire import tasks as t
from chatixia.wire.base import encode

from .holdings import TASK_BYTES
from .memory import WriterMemory
from .queries import load
from .task_rows import StoredTask, TaskSubmitted
from .tx import Transaction


class SubmitOrder(NamedTuple):
    """A checked submit: who, what, its plain payload and lifetime in seconds; whether the registry
    itself drew its id just now, so that it repeats none."""

    principal: Principal
    request: t.Submit
    payload: bytes
    ttl: float
    new: bool = False


INLINE: Final = 2048
"""Payloads above this stand in a table of their own."""


def scope_of(order: SubmitOrder) -> bytes:
    """The key under which a submit is remembered: the same key again means the same task."""
    request = order.request
    return core.scope(
        order.principal.ns, order.principal.id, "tasks.submit", request.key or request.id
    )


def is_stored(db: sqlite3.Connection, scope: bytes) -> bool:
    """Whether a submit of that scope is stored."""
    sql = load()
    names = ("task_by_scope", "remembered")
    return any(db.execute(sql[name], (scope,)).fetchone() is not None for name in names)


def submit(tx: Transaction, memory: WriterMemory, order: SubmitOrder) -> t.Submitted:
    """Write a new task, or give the first answer to the same key. Raises Conflict, AlreadyDone."""
    request, scope = order.request, scope_of(order)
    same = core.sameness(request, order.payload)
    earlier = tx.one("remembered", (scope,))
    if earlier is not None:
        raise AlreadyDone if earlier[0] == same else Conflict(_OTHER)
    try:
        _check_share(tx, memory, order, scope)
        _insert(tx, memory, order, scope, same)
    except sqlite3.IntegrityError:
        return _again(tx, request, scope, same)
    return t.Submitted(request.id)


def _check_share(tx: Transaction, memory: WriterMemory, order: SubmitOrder, scope: bytes) -> None:
    """Raise Overloaded if this would be more than its holder's share. What is stored already is
    no more: it gets its answer, which the constraint brings."""
    try:
        memory.holdings.check(holder_of(order.principal), len(order.payload))
    except Overloaded:
        if tx.one("task_by_scope", (scope,)) is None:
            raise


_OTHER: Final = "This key was already used for another task."


def _again(tx: Transaction, request: t.Submit, scope: bytes, same: bytes) -> t.Submitted:
    existing = tx.one("task_by_scope", (scope,))
    if existing is None:
        raise Conflict(f"The task id {request.id} is taken.")
    if existing[2] != same:
        raise Conflict(_OTHER)
    return t.Submitted(existing[0], existing[1], duplicate=True)


def _insert(
    tx: Transaction, memory: WriterMemory, order: SubmitOrder, scope: bytes, same: bytes
) -> None:
    row, payload = _row(tx, memory, order, scope), order.payload
    small = len(payload) <= INLINE
    columns = msgspec.structs.astuple(row)[1:]
    done = tx.run("insert_task", (*columns, same, payload if small else None))
    row.n = done.lastrowid or 0
    if not small:
        tx.run("insert_payload", (row.n, payload))
    memory.rows.keep(tx, row, payload if small else None)
    tx.undo(partial(memory.dues.forget, row.n))
    memory.dues.add(row.deadline, row.n)
    tx.count(row.ns, "pending", 1)
    memory.holdings.move(tx, row.holder, 1, TASK_BYTES + row.size)
    tx.notices.append(TaskSubmitted(row.id))
    tx.event(row.ns, "task", row.id, "submitted", encode(_note(row)), row.n)


def _row(tx: Transaction, memory: WriterMemory, order: SubmitOrder, scope: bytes) -> StoredTask:
    """The row of a new task; the database draws its number."""
    principal, request, holder = order.principal, order.request, holder_of(order.principal)
    queue = core.queue_name(request.skill, request.target_agent_id)
    return StoredTask(
        id=request.id,
        ns=principal.ns,
        skill=request.skill,
        target=request.target_agent_id,
        source=principal.id,
        machine=principal.machine,
        queue=queue,
        priority=request.priority,
        turn=memory.queues.place(principal.ns, queue, request.priority, holder),
        max_attempts=request.max_attempts,
        created=tx.now,
        updated=tx.now,
        deadline=tx.now + order.ttl,
        ttl=order.ttl,
        idempotent=int(request.idempotent),
        path=encode(request.path).decode() if request.path else "",
        traceparent=request.traceparent,
        size=len(order.payload),
        scope=scope,
        holder=holder,
        retry_of=request.retry_of,
    )


def _note(row: StoredTask) -> dict[str, Any]:
    return {"state": "pending", "skill": row.skill, "source": row.source, "target": row.target}
