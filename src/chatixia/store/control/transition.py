"""One step of a task by ``core.task``'s table, and all that is written with it.

Runs in the writer's transaction. Listeners get what happened as notices after the commit.
"""

from __future__ import annotations

from typing import Any, Final

from chatixia.core import task as core
from chatixia.wire import tasks as t
from chatixia.wire.base import encode

from .memory import WriterMemory
from .task_rows import StoredTask, TaskChanged, to_task
from .tx import Transaction


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
