"""Tasks in the store: each change of state in one item, by ``core.task``'s table.

Every function runs in the writer's transaction. What happened is told as notices after the commit.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.core.shares import holder_of
from chatixia.errors import (
    AlreadyDone,
    Conflict,
    Denied,
    NotFound,
    Overloaded,
    StaleFence,
    WireError,
)
from chatixia.wire import tasks as t
from chatixia.wire.base import encode

from .holdings import KEY_BYTES, TASK_BYTES
from .memory import WriterMemory
from .queries import load
from .task_rows import StoredTask, TaskChanged, TaskSubmitted, to_task
from .tx import Transaction

DAY: Final = 86_400.0
RETENTION: Final = 7 * DAY
"""How long an ended task stays; its idempotency key a day longer."""


# --- submit -------------------------------------------------------------------------------------


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
    who, said, payload = order.who, order.said, order.payload
    queue, holder = core.queue_name(said.skill, said.target_agent_id), holder_of(who)
    turn = memory.queues.place(who.ns, queue, said.priority, holder)
    small = len(payload) <= INLINE
    path = encode(said.path).decode() if said.path else ""
    row = StoredTask(
        0,
        said.id,
        who.ns,
        "pending",
        said.skill,
        said.target_agent_id,
        who.id,
        who.machine,
        "",
        "",
        queue,
        said.priority,
        turn,
        1,
        0,
        said.max_attempts,
        0,
        0,
        0,
        tx.now,
        tx.now,
        0.0,
        tx.now + order.ttl,
        0.0,
        order.ttl,
        int(said.idempotent),
        path,
        said.traceparent,
        len(payload),
        None,
        scope,
        holder,
        said.retry_of,
    )
    done = tx.run(
        "insert_task",
        (
            row.id,
            row.ns,
            row.skill,
            row.target,
            row.source,
            row.machine,
            queue,
            row.priority,
            turn,
            row.max_attempts,
            tx.now,
            tx.now,
            row.deadline,
            row.ttl,
            row.idempotent,
            path,
            row.traceparent,
            row.size,
            scope,
            same,
            payload if small else None,
            row.holder,
            row.retry_of,
        ),
    )
    row.n = done.lastrowid or 0
    if not small:
        tx.run("insert_payload", (row.n, payload))
    memory.rows.keep(tx, row, payload if small else None)
    tx.undo(partial(memory.dues.forget, row.n))
    memory.dues.add(row.deadline, row.n)
    tx.count(who.ns, "pending", 1)
    memory.holdings.move(tx, row.holder, 1, TASK_BYTES + row.size)
    tx.notices.append(TaskSubmitted(row.id))
    tx.event(who.ns, "task", row.id, "submitted", encode(_note(row)), row.n)


def _note(row: StoredTask) -> dict[str, Any]:
    return {"state": "pending", "skill": row.skill, "source": row.source, "target": row.target}


# --- finding and holding ------------------------------------------------------------------------


def find(tx: Transaction, memory: WriterMemory, ns: str, id: str) -> StoredTask:
    """The row of a task in that namespace, or NotFound."""
    row = memory.rows.get(tx, id)
    if row is None or row.ns != ns:
        raise NotFound(f"There is no task {id}.")
    return row


def fence_number(tx: Transaction, fence: str) -> int:
    """The low part of a fence of this store's generation; an older one is stale."""
    generation, n = core.fence_key(fence)
    if generation != tx.generation:
        raise StaleFence
    return n


def is_held(row: StoredTask, who: str, fence: int) -> bool:
    """Whether ``who`` holds the task under that fence."""
    return row.state == "assigned" and row.fence == fence and row.worker == who


def first_answer(tx: Transaction, row: StoredTask, who: str, fence: int) -> t.Ended | None:
    """What ``complete`` or ``fail`` under this fence was answered before, if it was."""
    if row.fence == fence and core.is_terminal(row.state) and row.worker == who:
        return t.Ended(row.id, row.state, duplicate=True)
    if fence < row.fence:
        told = tx.one("remembered", (_end_scope(row, who, fence),))
        if told is not None:
            return t.Ended(row.id, told[1].decode(), duplicate=True)
    return None


def _end_scope(row: StoredTask, who: str, fence: int) -> bytes:
    return core.scope(row.ns, who, "tasks.end", f"{row.id}/{fence}")


# --- changes ------------------------------------------------------------------------------------


def change(
    tx: Transaction,
    memory: WriterMemory,
    row: StoredTask,
    verdict: core.RetryDecision,
    result: bytes | None = None,
    taken_up: bool = False,
) -> t.State:
    """Take one step of the table and write all that goes with it; gives the new state.

    ``taken_up``: the holder acted, so a delivery that was never said to be started counts.
    """
    step = core.step(row.state, verdict.event)
    after = row.copy()
    after.state, after.fence, after.updated = step.to, row.fence + step.raises, tx.now
    if taken_up and not row.started:
        after.attempt += 1
    if step.attempt < 0:
        after.attempt -= row.started
    after.error = None if verdict.error is None else encode(verdict.error)
    if core.is_terminal(step.to):
        _end(tx, memory, after, result)
    else:
        _back(tx, memory, after, verdict.run_after)
    tx.count(row.ns, row.state, -1)
    tx.count(row.ns, step.to, 1)
    _tell(tx, row, after, verdict, result)
    return step.to


def _end(tx: Transaction, memory: WriterMemory, after: StoredTask, result: bytes | None) -> None:
    after.ready = 0
    memory.rows.drop(after)
    memory.dues.drop(tx, after.n)
    memory.holdings.move(tx, after.holder, -1, len(result or b"") + len(after.error or b""))
    tx.run(
        "end",
        (
            after.state,
            after.fence,
            after.attempt,
            tx.now,
            result,
            after.error,
            after.n,
        ),
    )


def _back(tx: Transaction, memory: WriterMemory, after: StoredTask, run_after: float) -> None:
    after.run_after, after.ready = run_after, int(run_after <= tx.now)
    after.worker = after.incarnation = ""
    after.started, after.lease, after.error = 0, 0.0, None
    after.turn = memory.queues.again(
        after.ns, after.queue, after.priority, after.turn, bool(after.ready)
    )
    tx.run(
        "back",
        (
            after.ready,
            after.fence,
            after.attempt,
            run_after,
            after.turn,
            tx.now,
            after.n,
        ),
    )
    memory.rows.keep(tx, after)
    memory.dues.add(after.due(), after.n)


CHANGES: Final[dict[core.Event, str]] = {
    "complete": "completed",
    "fail": "failed",
    "reject": "rejected",
    "retry": "retried",
    "return": "returned",
    "lose": "lost",
    "exhaust": "failed",
    "expire": "failed",
    "cancel": "canceled",
    "grant": "assigned",
}
"""How the event rows name what happened."""


def _tell(
    tx: Transaction,
    row: StoredTask,
    after: StoredTask,
    verdict: core.RetryDecision,
    result: bytes | None,
) -> None:
    note: dict[str, Any] = {"state": after.state, "agent": row.worker, "attempt": after.attempt}
    if verdict.error is not None:
        note["code"] = verdict.error.code
    tx.event(row.ns, "task", row.id, CHANGES[verdict.event], encode(note), row.n)
    task = to_task(after, tx.generation, tx.now, None, result)
    tx.notices.append(TaskChanged(row, verdict.event, task))


def complete(
    tx: Transaction, memory: WriterMemory, who: Principal, id: str, fence: str, result: bytes
) -> t.Ended:
    """End a held task with its result. Raises NotFound, StaleFence, Cancelled."""
    row = find(tx, memory, who.ns, id)
    n = fence_number(tx, fence)
    if (told := first_answer(tx, row, who.id, n)) is not None:
        return told
    if not is_held(row, who.id, n):
        raise core.refusal(row.state, "complete")
    state = change(tx, memory, row, core.RetryDecision("complete"), result, taken_up=True)
    return t.Ended(id, state)


def fail(
    tx: Transaction,
    memory: WriterMemory,
    who: Principal,
    id: str,
    fence: str,
    error: WireError,
    jitter: float,
) -> t.Ended:
    """End an attempt with an error: tried again, rejected or failed. Raises as ``complete``."""
    row = find(tx, memory, who.ns, id)
    n = fence_number(tx, fence)
    if (told := first_answer(tx, row, who.id, n)) is not None:
        return told
    if not is_held(row, who.id, n):
        raise core.refusal(row.state, "fail")
    tries = row.tries()._replace(attempt=row.attempt + 1 - row.started, started=True)
    verdict = core.after_failure(tries, error, tx.now, jitter)
    state = change(tx, memory, row, verdict, taken_up=True)
    if not core.is_terminal(state):
        # The row moves on to other fences; what this one was told must stay.
        kept = row.deadline + RETENTION + 2 * DAY
        remember(tx, memory, who, _end_scope(row, who.id, n), state.encode(), kept)
    return t.Ended(id, state)


def remember(
    tx: Transaction,
    memory: WriterMemory,
    who: Principal,
    scope: bytes,
    answer: bytes,
    expires: float,
) -> None:
    """Keep the answer to a key until then; it counts for ``who``."""
    holder = holder_of(who)
    kept = {"scope": scope, "same": b"", "answer": answer, "expires": expires, "holder": holder}
    if tx.run("remember", kept).rowcount > 0:
        memory.holdings.move(tx, holder, 0, KEY_BYTES)


def release(tx: Transaction, memory: WriterMemory, who: Principal, id: str, fence: str) -> t.Ended:
    """Give a held task back without an attempt counted. Raises as ``complete``."""
    row = find(tx, memory, who.ns, id)
    n = fence_number(tx, fence)
    if not is_held(row, who.id, n):
        raise core.refusal(row.state, "return")
    return t.Ended(id, change(tx, memory, row, core.after_return(row.tries(), tx.now)))


def cancel(
    tx: Transaction, memory: WriterMemory, who: Principal, id: str, reason: str = ""
) -> t.Ended:
    """End a task whoever holds it; a ``reason`` becomes its error's sentence.

    Raises NotFound, Denied, Conflict (it ended otherwise).
    """
    row = find(tx, memory, who.ns, id)
    if not core.may_end(who, row.concern()):
        raise Denied("Only its submitter, an owner or an operator may cancel a task.")
    if row.state == "canceled":
        return t.Ended(id, "canceled", duplicate=True)
    return t.Ended(id, change(tx, memory, row, core.cancelled(reason)))


def started(tx: Transaction, memory: WriterMemory, who: Principal, id: str, fence: str) -> None:
    """Note that the holder took the task up, while there is time. Raises as ``complete``."""
    row = find(tx, memory, who.ns, id)
    n = fence_number(tx, fence)
    if not is_held(row, who.id, n) or row.deadline <= tx.now:
        raise core.refusal(row.state, "start")
    mark_started(tx, memory, [(id, n)])


def mark_started(tx: Transaction, memory: WriterMemory, marks: list[tuple[str, int]]) -> None:
    """Write marks that were taken in memory; those that do not hold any more are nothing."""
    for id, fence in marks:
        row = memory.rows.get(tx, id)
        if row is not None and row.fence == fence and not row.started:
            tx.run("start", (id, fence))
            memory.rows.drop(row)


def renew(tx: Transaction, memory: WriterMemory, who: Principal, leases: list[t.Held]) -> t.Renewed:
    """Extend each lease that is held under its fence; the others say why not."""
    return t.Renewed([_renew(tx, memory, who, held) for held in leases])


def _renew(tx: Transaction, memory: WriterMemory, who: Principal, held: t.Held) -> t.Renewal:
    generation, n = core.fence_key(held.fence)
    row = memory.rows.get(tx, held.task_id)
    if row is None or row.ns != who.ns:
        return t.Renewal(held.task_id, code="not_found")
    if generation != tx.generation or not is_held(row, who.id, n):
        return t.Renewal(held.task_id, code=core.refusal(row.state, "start").code)
    lease = core.lease(who.kind, memory.lease)
    tx.run(
        "renew",
        {
            "id": row.id,
            "worker": who.id,
            "ns": who.ns,
            "fence": n,
            "lease": tx.now + lease,
        },
    )
    memory.rows.drop(row)
    return t.Renewal(held.task_id, int(lease * 1000))


def update(
    tx: Transaction, memory: WriterMemory, who: Principal, said: t.Update, jitter: float
) -> None:
    """The described report of a key-less worker: counts only from the holder.

    Without a fence the holder's present one is meant. Raises as ``complete``, and Denied.
    """
    row = find(tx, memory, who.ns, said.task_id)
    if row.worker != who.id:
        raise Denied("Only the agent that holds the task may report on it.")
    fence = said.fence or core.fence_text(tx.generation, row.fence)
    if said.state == "completed":
        plain = b"null" if said.result is msgspec.UNSET else bytes(said.result)
        complete(tx, memory, who, row.id, fence, plain)
    else:
        text = b"" if said.error is msgspec.UNSET else bytes(said.error)
        fail(tx, memory, who, row.id, fence, described_error(text), jitter)


def described_error(text: bytes) -> WireError:
    """A described error (a string, or any JSON) as ours."""
    try:
        said = msgspec.json.decode(text) if text else ""
    except msgspec.DecodeError:
        said = ""
    sentence = said[:1024] if isinstance(said, str) else ""
    return WireError("skill_failed", sentence or "The skill failed.")


def end_leases(
    tx: Transaction,
    memory: WriterMemory,
    worker: str,
    incarnation: str,
    marks: list[tuple[str, int]],
    jitter: float,
    clean: bool = False,
) -> int:
    """The process is gone: end what it holds, ``marks`` written first. Gives how many tasks.

    ``clean``: it said goodbye, and so what it has begun; else it may have begun all it was sent.
    """
    judge = core.after_loss if clean else core.after_departure
    mark_started(tx, memory, marks)
    ended = 0
    for found in tx.all("held_by", {"worker": worker, "limit": 1024}):
        row = StoredTask(*found)
        if row.incarnation == incarnation:
            verdict = judge(row.tries(), tx.now, jitter)
            change(tx, memory, row, verdict, taken_up=not clean)
            ended += 1
    return ended
