"""New tasks: written once for each idempotency key, within their holder's share.

Every function but ``is_known`` runs in the writer's transaction.
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

    who: Principal
    said: t.Submit
    payload: bytes
    ttl: float
    new: bool = False


INLINE: Final = 2048
"""Payloads above this stand in a table of their own."""


def scope_of(order: SubmitOrder) -> bytes:
    """Under what a submit is remembered: whoever says the same again, means the same."""
    said = order.said
    return core.scope(order.who.ns, order.who.id, "tasks.submit", said.key or said.id)


def is_known(db: sqlite3.Connection, scope: bytes) -> bool:
    """Whether a submit of that scope is stored."""
    sql = load()
    names = ("task_by_scope", "remembered")
    return any(db.execute(sql[name], (scope,)).fetchone() is not None for name in names)


def submit(tx: Transaction, memory: WriterMemory, order: SubmitOrder) -> t.Submitted:
    """Write a new task, or give the first answer to the same key. Raises Conflict, AlreadyDone."""
    said, scope = order.said, scope_of(order)
    same = core.sameness(said, order.payload)
    told = tx.one("remembered", (scope,))
    if told is not None:
        raise AlreadyDone if told[0] == same else Conflict(_OTHER)
    try:
        _check_share(tx, memory, order, scope)
        _insert(tx, memory, order, scope, same)
    except sqlite3.IntegrityError:
        return _again(tx, said, scope, same)
    return t.Submitted(said.id)


def _check_share(tx: Transaction, memory: WriterMemory, order: SubmitOrder, scope: bytes) -> None:
    """Raise Overloaded if this would be more than its holder's share. What is stored already is
    no more: it gets its answer, which the constraint brings."""
    try:
        memory.holdings.check(holder_of(order.who), len(order.payload))
    except Overloaded:
        if tx.one("task_by_scope", (scope,)) is None:
            raise


_OTHER: Final = "This key was already used for another task."


def _again(tx: Transaction, said: t.Submit, scope: bytes, same: bytes) -> t.Submitted:
    known = tx.one("task_by_scope", (scope,))
    if known is None:
        raise Conflict(f"The task id {said.id} is taken.")
    if known[2] != same:
        raise Conflict(_OTHER)
    return t.Submitted(known[0], known[1], duplicate=True)


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
    who, said, holder = order.who, order.said, holder_of(order.who)
    queue = core.queue_name(said.skill, said.target_agent_id)
    return StoredTask(
        id=said.id,
        ns=who.ns,
        skill=said.skill,
        target=said.target_agent_id,
        source=who.id,
        machine=who.machine,
        queue=queue,
        priority=said.priority,
        turn=memory.queues.place(who.ns, queue, said.priority, holder),
        max_attempts=said.max_attempts,
        created=tx.now,
        updated=tx.now,
        deadline=tx.now + order.ttl,
        ttl=order.ttl,
        idempotent=int(said.idempotent),
        path=encode(said.path).decode() if said.path else "",
        traceparent=said.traceparent,
        size=len(order.payload),
        scope=scope,
        holder=holder,
        retry_of=said.retry_of,
    )


def _note(row: StoredTask) -> dict[str, Any]:
    return {"state": "pending", "skill": row.skill, "source": row.source, "target": row.target}
