"""What time does to the store: leases end, back-off ends, deadlines pass, old rows go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from chatixia.core import task as core
from chatixia.core.audit import AuditKeep

from . import audit, devices
from .holdings import KEY_BYTES, TASK_BYTES
from .leases import mark_started
from .memory import WriterMemory
from .repeats import DAY, RETENTION
from .task_rows import StoredTask
from .transition import change
from .tx import Transaction

PER_GROUP: Final = 200
LATER: Final = 0.5
"""Seconds until a task is looked at again of which it is not sure that it was not begun."""
EVENT_RETENTION: Final = 30 * DAY


class SweepRequest(NamedTuple):
    """What the registry knows as it asks for a sweep, at store time ``at``.

    ``marks``: tasks said to be started since the last time, written first, so that no task that
    runs is taken for one that was never taken up. ``away``: processes (worker, incarnation) whose
    socket closed: what they were sent and may have begun is judged when they do not return.
    """

    at: float
    marks: list[tuple[str, int]]
    away: frozenset[tuple[str, str]]
    jitter: float


def sweep(tx: Transaction, memory: WriterMemory, request: SweepRequest) -> int:
    """Look at no more than 200 rows that are due; gives how many, 200 meaning that more may be."""
    mark_started(tx, memory, request.marks)
    numbers = memory.dues.take(tx, PER_GROUP)
    for n in numbers:
        row = memory.rows.number(tx, n)
        if row is not None and not core.is_terminal(row.state):
            _one(tx, memory, row, request)
    return len(numbers)


def _one(tx: Transaction, memory: WriterMemory, row: StoredTask, request: SweepRequest) -> None:
    if row.due() > tx.now:  # it has moved on since
        memory.dues.add(row.due(), row.n)
    elif row.deadline <= tx.now:
        error = core.expired(row.deliveries)
        change(tx, memory, row, core.RetryDecision("expire", error=error))
    elif row.state == "assigned":
        _lost(tx, memory, row, request)
    else:
        _ready(tx, memory, row)


def _lost(tx: Transaction, memory: WriterMemory, row: StoredTask, request: SweepRequest) -> None:
    # If this process stood still since it asked, the word of a start may be younger than `marks`.
    unsure = row.due() > request.at or (row.worker, row.incarnation) in request.away
    if unsure and not row.started:
        memory.dues.add(tx.now + LATER, row.n)
    else:
        change(tx, memory, row, core.after_loss(row.tries(), tx.now, request.jitter))


def _ready(tx: Transaction, memory: WriterMemory, row: StoredTask) -> None:
    turn = memory.queues.again(row.ns, row.queue, row.priority, row.turn, ready=True)
    tx.run("make_ready", (turn, row.n))
    memory.rows.drop(row)
    memory.dues.add(row.deadline, row.n)


def tidy(tx: Transaction, memory: WriterMemory, keep: AuditKeep) -> int:
    """Drop at most 200 each of what outlived its use; gives how many.

    Ended tasks with their events, keys, failures, links, sessions, old events, client epochs,
    described agents that are out, lines of the audit log beyond ``keep``.
    """
    old = tx.all("ended", {"before": tx.now - RETENTION, "limit": PER_GROUP})
    for columns in old:
        _delete(tx, memory, StoredTask(*columns))
    dropped = _old_keys(tx, memory)
    for name in ("drop_logins", "drop_sessions", "drop_codes", "expire_pairings"):
        tx.run(name, {"now": tx.now})
    tx.run("drop_failures", {"before": tx.now - DAY})
    tx.run("drop_pairings", {"before": tx.now - DAY})
    devices.drop_old(tx)
    tx.run("drop_epochs", {"before": tx.now - DAY})  # a client's record is for a day
    return len(old) + dropped + _old_events(tx) + audit.trim(tx, keep, PER_GROUP)


def _old_keys(tx: Transaction, memory: WriterMemory) -> int:
    old = tx.all("drop_repeats", {"now": tx.now, "limit": PER_GROUP})
    for (holder,) in old:
        memory.holdings.move(tx, holder, 0, -KEY_BYTES)
    return len(old)


def trim(tx: Transaction, memory: WriterMemory) -> int:
    """Remove the oldest ended tasks of holders that are over their share of the disk.

    At most 200, fetched ones first, of who has most; gives how many.
    """
    for holder in memory.holdings.bytes.greedy():
        old = tx.all("oldest_fetched", (holder, PER_GROUP))
        if old := old or tx.all("oldest_ended", (holder, PER_GROUP)):
            return _give_back(tx, memory, holder, old)
    return 0


def _give_back(tx: Transaction, memory: WriterMemory, holder: str, old: list[Any]) -> int:
    for count, columns in enumerate(old):
        if not memory.holdings.bytes.over(holder):
            return count
        _delete(tx, memory, StoredTask(*columns))
    return len(old)


def fetched(tx: Transaction, tasks: Iterable[tuple[str, int]]) -> None:
    """The submitters of these tasks, each by holder and number, have their results."""
    tx.db.executemany(tx.sql["fetch"], [(holder, n, n) for holder, n in tasks])


def _delete(tx: Transaction, memory: WriterMemory, row: StoredTask) -> None:
    scope, same = tx.one("task_key", (row.n,))
    params = {"scope": scope, "same": same, "answer": row.id.encode(), "expires": tx.now + DAY}
    tx.run("remember", params | {"holder": row.holder})
    size = tx.one("task_bytes", (row.n,))[0]
    memory.holdings.move(tx, row.holder, 0, KEY_BYTES - TASK_BYTES - size)
    tx.run("drop_fetched", (row.holder, row.n))
    last = tx.one("last_event_of_task", (row.n,))[0]
    if last is not None:
        tx.run("raise_floor", (last,))
    for name in ("delete_events", "delete_payload", "delete_task"):
        tx.run(name, (row.n,))
    tx.count(row.ns, row.state, -1)


def _old_events(tx: Transaction) -> int:
    old = tx.all("old_events", {"before": tx.now - EVENT_RETENTION, "limit": PER_GROUP})
    for (id,) in old:
        tx.run("delete_event", (id,))
        tx.run("raise_floor", (id,))
    return len(old)
