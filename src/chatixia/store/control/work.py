"""Tasks in the store: each change of state in one item, by ``core.task``'s table.

Every function runs in the writer's transaction. What happened is told as notices after the commit.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.errors import AlreadyDone, Conflict, Denied, NotFound, StaleFence, WireError
from chatixia.wire import tasks as t
from chatixia.wire.base import encode

from .queues import Queues
from .tx import Tx

DAY: Final = 86_400.0
RETENTION: Final = 7 * DAY
"""How long an ended task stays; its idempotency key a day longer."""


class Row(NamedTuple):
    """A task's row without its bodies; the columns of ``queries.ROW``."""

    n: int
    id: str
    ns: str
    state: t.State
    skill: str
    target: str
    source: str
    machine: str
    worker: str
    incarnation: str
    queue: str
    priority: int
    turn: int
    attempt: int
    max_attempts: int
    deliveries: int
    started: int
    fence: int
    created: float
    updated: float
    run_after: float
    deadline: float
    lease: float
    ttl: float
    idempotent: int
    path: str
    traceparent: str
    size: int
    scope: bytes | None
    error: bytes | None

    def concern(self) -> core.Concern:
        """Whom the task concerns."""
        return core.Concern(self.ns, self.source, self.machine, self.target, self.worker)

    def tries(self) -> core.Tries:
        """How often it was tried."""
        return core.Tries(
            self.attempt, self.max_attempts, self.deliveries, bool(self.started), self.deadline
        )


class Given(NamedTuple):
    """Notice: a task was assigned. ``pushed``: by the registry, so it must be sent and started."""

    task: t.Task
    row: Row
    attempt: int
    pushed: bool


class Changed(NamedTuple):
    """Notice: a task took ``event``. ``row``: before; ``task``: after, without its payload."""

    row: Row
    event: core.Event
    task: t.Task


class Submitted(NamedTuple):
    """Notice: a new task."""

    ns: str
    source: str


_path: Final = msgspec.json.Decoder(list[str])
_error: Final = msgspec.json.Decoder(WireError)


def to_task(
    row: Row, generation: int, now: float, payload: bytes | None = None, result: bytes | None = None
) -> t.Task:
    """The row as the API shows it at store time ``now``."""
    return t.Task(
        id=row.id, state=row.state, skill=row.skill, target_agent_id=row.target,
        source_agent_id=row.source, assigned_agent_id=row.worker, payload=body(payload),
        result=None if result is None else body(result),
        error=None if row.error is None else _error.decode(row.error), priority=row.priority,
        attempt=row.attempt, max_attempts=row.max_attempts, deliveries=row.deliveries,
        fence=core.fence_text(generation, row.fence) if row.fence else "",
        created_at=row.created, updated_at=row.updated, run_after=row.run_after,
        deadline_ms=max(0, int((row.deadline - now) * 1000)), ttl=row.ttl, ns=row.ns,
        path=_path.decode(row.path) if row.path else [], traceparent=row.traceparent,
        idempotent=bool(row.idempotent), size=row.size,
    )  # fmt: skip


def body(plain: bytes | None) -> t.Body:
    """Stored bytes as a body."""
    return t.Body() if plain is None else t.Body(plain=msgspec.Raw(plain))


# --- submit -------------------------------------------------------------------------------------


class Order(NamedTuple):
    """A checked submit: who, what, its plain payload and lifetime in seconds."""

    who: Principal
    said: t.Submit
    payload: bytes
    ttl: float


INLINE: Final = 2048
"""Payloads above this stand in a table of their own."""


def submit(tx: Tx, queues: Queues, order: Order) -> t.Submitted:
    """Write a new task, or give the first answer to the same key. Raises Conflict."""
    who, said = order.who, order.said
    key = said.key or said.id
    scope = core.scope(who.ns, who.id, "tasks.submit", key)
    same = core.sameness(said, order.payload)
    params = {"scope": scope, "same": same, "answer": said.id.encode(), "expires": None}
    if tx.run("remember", params).rowcount == 0:
        return _again(tx, who.ns, scope, same)
    if tx.one("task_of_same_id", {"id": said.id}) is not None:
        raise Conflict(f"The task id {said.id} is taken.")
    _insert(tx, queues, order, scope)
    return t.Submitted(said.id)


def _again(tx: Tx, ns: str, scope: bytes, same: bytes) -> t.Submitted:
    known, answer = tx.one("remembered", {"scope": scope})
    if known != same:
        raise Conflict("This key was already used for another task.")
    row = find(tx, ns, answer.decode())
    if row is None:
        raise AlreadyDone
    return t.Submitted(row.id, row.state, duplicate=True)


def _insert(tx: Tx, queues: Queues, order: Order, scope: bytes) -> None:
    who, said, payload = order.who, order.said, order.payload
    queue = core.queue_name(said.skill, said.target_agent_id)
    small = len(payload) <= INLINE
    n = tx.run("insert_task", {
        "id": said.id, "ns": who.ns, "skill": said.skill, "target": said.target_agent_id,
        "source": who.id, "machine": who.machine, "queue": queue, "priority": said.priority,
        "turn": queues.place(who.ns, queue, said.priority, who.id),
        "max_attempts": said.max_attempts, "now": tx.now, "deadline": tx.now + order.ttl,
        "ttl": order.ttl, "idempotent": int(said.idempotent),
        "path": encode(said.path).decode() if said.path else "", "traceparent": said.traceparent,
        "size": len(payload), "scope": scope, "payload": payload if small else None,
    }).lastrowid  # fmt: skip
    if not small:
        tx.run("insert_payload", {"n": n, "body": payload})
    tx.count(who.ns, "pending", 1)
    note = {
        "state": "pending",
        "skill": said.skill,
        "source": who.id,
        "target": said.target_agent_id,
    }
    tx.event(who.ns, "task", said.id, "submitted", encode(note), n)
    tx.notices.append(Submitted(who.ns, who.id))


# --- finding and holding ------------------------------------------------------------------------


def find(tx: Tx, ns: str, id: str) -> Row | None:
    """The row of a task in that namespace."""
    found = tx.one("task", {"id": id})
    return Row._make(found) if found is not None and found[2] == ns else None


def must_find(tx: Tx, ns: str, id: str) -> Row:
    """The row, or NotFound."""
    row = find(tx, ns, id)
    if row is None:
        raise NotFound(f"There is no task {id}.")
    return row


def fence_number(tx: Tx, fence: str) -> int:
    """The low part of a fence of this store's generation; an older one is stale."""
    generation, n = core.fence_key(fence)
    if generation != tx.generation:
        raise StaleFence
    return n


def is_held(row: Row, who: str, fence: int) -> bool:
    """Whether ``who`` holds the task under that fence."""
    return row.state == "assigned" and row.fence == fence and row.worker == who


def first_answer(tx: Tx, row: Row, who: str, fence: int) -> t.Ended | None:
    """What ``complete`` or ``fail`` under this fence was answered before, if it was."""
    if row.fence == fence and core.is_terminal(row.state) and row.worker == who:
        return t.Ended(row.id, row.state, duplicate=True)
    if fence < row.fence:
        told = tx.one("remembered", {"scope": _end_scope(row, who, fence)})
        if told is not None:
            return t.Ended(row.id, told[1].decode(), duplicate=True)
    return None


def _end_scope(row: Row, who: str, fence: int) -> bytes:
    return core.scope(row.ns, who, "tasks.end", f"{row.id}/{fence}")


# --- changes ------------------------------------------------------------------------------------


def change(
    tx: Tx,
    queues: Queues,
    row: Row,
    verdict: core.Verdict,
    result: bytes | None = None,
    taken_up: bool = False,
) -> t.State:
    """Take one step of the table and write all that goes with it; gives the new state.

    ``taken_up``: the holder acted, so a delivery that was never said to be started counts.
    """
    step = core.step(row.state, verdict.event)
    attempt = row.attempt + (1 if taken_up and not row.started else 0)
    if step.attempt < 0:
        attempt = max(0, row.attempt - row.started)
    error = None if verdict.error is None else encode(verdict.error)
    after = row._replace(
        state=step.to, fence=row.fence + step.raises, attempt=attempt, updated=tx.now, error=error,
        run_after=verdict.run_after,
    )  # fmt: skip
    if core.is_terminal(step.to):
        _end(tx, after, result)
    else:
        after = _back(tx, queues, after)
    tx.count(row.ns, row.state, -1)
    tx.count(row.ns, step.to, 1)
    _tell(tx, row, after, verdict, result)
    return step.to


def _end(tx: Tx, after: Row, result: bytes | None) -> None:
    tx.run("end", {
        "n": after.n, "state": after.state, "fence": after.fence, "attempt": after.attempt,
        "now": tx.now, "due": tx.now + RETENTION, "result": result, "error": after.error,
    })  # fmt: skip


def _back(tx: Tx, queues: Queues, after: Row) -> Row:
    ready = after.run_after <= tx.now
    turn = queues.again(after.ns, after.queue, after.priority, after.turn, ready)
    due = after.deadline if ready else min(after.run_after, after.deadline)
    tx.run("back", {
        "n": after.n, "ready": int(ready), "fence": after.fence, "attempt": after.attempt,
        "run_after": after.run_after, "turn": turn, "now": tx.now, "due": due,
    })  # fmt: skip
    return after._replace(worker="", incarnation="", started=0, lease=0.0, turn=turn, error=None)


CHANGES: Final[dict[core.Event, str]] = {
    "complete": "completed", "fail": "failed", "reject": "rejected", "retry": "retried",
    "return": "returned", "lose": "lost", "exhaust": "failed", "expire": "failed",
    "cancel": "canceled", "grant": "assigned",
}  # fmt: skip
"""How the event rows name what happened."""


def _tell(tx: Tx, row: Row, after: Row, verdict: core.Verdict, result: bytes | None) -> None:
    note: dict[str, Any] = {"state": after.state, "agent": row.worker, "attempt": after.attempt}
    if verdict.error is not None:
        note["code"] = verdict.error.code
    tx.event(row.ns, "task", row.id, CHANGES[verdict.event], encode(note), row.n)
    task = to_task(after, tx.generation, tx.now, result=result)
    tx.notices.append(Changed(row, verdict.event, task))


def complete(tx: Tx, queues: Queues, who: Principal, id: str, fence: str, result: bytes) -> t.Ended:
    """End a held task with its result. Raises NotFound, StaleFence, Cancelled."""
    n = fence_number(tx, fence)
    row = must_find(tx, who.ns, id)
    if (told := first_answer(tx, row, who.id, n)) is not None:
        return told
    if not is_held(row, who.id, n):
        raise core.refusal(row.state, "complete")
    state = change(tx, queues, row, core.Verdict("complete"), result, taken_up=True)
    return t.Ended(id, state)


def fail(
    tx: Tx, queues: Queues, who: Principal, id: str, fence: str, error: WireError, jitter: float
) -> t.Ended:
    """End an attempt with an error: tried again, rejected or failed. Raises as ``complete``."""
    n = fence_number(tx, fence)
    row = must_find(tx, who.ns, id)
    if (told := first_answer(tx, row, who.id, n)) is not None:
        return told
    if not is_held(row, who.id, n):
        raise core.refusal(row.state, "fail")
    tries = row.tries()._replace(attempt=row.attempt + 1 - row.started)
    verdict = core.after_failure(tries, error, tx.now, jitter)
    state = change(tx, queues, row, verdict, taken_up=True)
    if not core.is_terminal(state):
        # The row moves on to other fences; what this one was told must stay.
        kept = row.deadline + RETENTION + 2 * DAY
        scope = _end_scope(row, who.id, n)
        tx.run("remember", {"scope": scope, "same": b"", "answer": state, "expires": kept})
    return t.Ended(id, state)


def release(tx: Tx, queues: Queues, who: Principal, id: str, fence: str) -> t.Ended:
    """Give a held task back without an attempt counted. Raises as ``complete``."""
    n = fence_number(tx, fence)
    row = must_find(tx, who.ns, id)
    if not is_held(row, who.id, n):
        raise core.refusal(row.state, "return")
    return t.Ended(id, change(tx, queues, row, core.after_return(row.tries(), tx.now)))


def cancel(tx: Tx, queues: Queues, who: Principal, id: str) -> t.Ended:
    """End a task whoever holds it. Raises NotFound, Denied, Conflict (it ended otherwise)."""
    row = must_find(tx, who.ns, id)
    if not core.may_end(who, row.concern()):
        raise Denied("Only its submitter, an owner or an operator may cancel a task.")
    if row.state == "canceled":
        return t.Ended(id, "canceled", duplicate=True)
    return t.Ended(id, change(tx, queues, row, core.Verdict("cancel")))


def started(tx: Tx, who: Principal, id: str, fence: str) -> None:
    """Note that the holder took the task up. Raises as ``complete``."""
    n = fence_number(tx, fence)
    row = must_find(tx, who.ns, id)
    if not is_held(row, who.id, n):
        raise core.refusal(row.state, "start")
    tx.run("start", {"id": id, "fence": n})


def mark_started(tx: Tx, marks: list[tuple[str, int]]) -> None:
    """Write marks that were taken in memory; those that do not hold any more are nothing."""
    for id, fence in marks:
        tx.run("start", {"id": id, "fence": fence})


def renew(tx: Tx, who: Principal, leases: list[t.Held]) -> t.Renewed:
    """Extend each lease that is held under its fence; the others say why not."""
    return t.Renewed([_renew(tx, who, held) for held in leases])


def _renew(tx: Tx, who: Principal, held: t.Held) -> t.Renewal:
    generation, n = core.fence_key(held.fence)
    params = {
        "id": held.task_id, "worker": who.id, "ns": who.ns, "fence": n,
        "lease": tx.now + core.LEASE,
    }  # fmt: skip
    if generation == tx.generation and tx.run("renew", params).rowcount:
        return t.Renewal(held.task_id, t.LEASE_MS)
    row = find(tx, who.ns, held.task_id)
    code = "not_found" if row is None else core.refusal(row.state, "start").code
    return t.Renewal(held.task_id, code=code)


def update(tx: Tx, queues: Queues, who: Principal, said: t.Update, jitter: float) -> None:
    """The described report of a key-less worker: counts only from the holder.

    Without a fence the holder's present one is meant. Raises as ``complete``, and Denied.
    """
    row = must_find(tx, who.ns, said.task_id)
    if row.worker != who.id:
        raise Denied("Only the agent that holds the task may report on it.")
    fence = said.fence or core.fence_text(tx.generation, row.fence)
    if said.state == "completed":
        plain = b"null" if said.result is msgspec.UNSET else bytes(said.result)
        complete(tx, queues, who, row.id, fence, plain)
    else:
        text = b"" if said.error is msgspec.UNSET else bytes(said.error)
        fail(tx, queues, who, row.id, fence, described_error(text), jitter)


def described_error(text: bytes) -> WireError:
    """A described error (a string, or any JSON) as ours."""
    try:
        said = msgspec.json.decode(text) if text else ""
    except msgspec.DecodeError:
        said = ""
    return WireError("skill_failed", said[:1024] if isinstance(said, str) else "The skill failed.")


def end_leases(tx: Tx, queues: Queues, worker: str, incarnation: str, jitter: float) -> int:
    """The process is gone: end what it holds. Gives how many tasks that were."""
    ended = 0
    for found in tx.all("held_by", {"worker": worker, "limit": 1024}):
        row = Row._make(found)
        if row.incarnation == incarnation:
            change(tx, queues, row, core.after_loss(row.tries(), tx.now, jitter))
            ended += 1
    return ended
