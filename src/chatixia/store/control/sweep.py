"""What time does to the store: leases end, back-off ends, deadlines pass, old rows go."""

from __future__ import annotations

from typing import Final

from chatixia.core import task as core

from .queues import Queues
from .tx import Tx
from .work import DAY, RETENTION, Row, change, mark_started

PER_GROUP: Final = 200
EVENTS_KEPT: Final = 30 * DAY


def sweep(tx: Tx, queues: Queues, marks: list[tuple[str, int]], jitter: float) -> int:
    """Handle at most 200 rows that are due; gives how many, 200 meaning that more may be.

    ``marks``: tasks said to be started since the last time, written first, so that no task that
    runs is taken for one that was never taken up.
    """
    mark_started(tx, marks)
    rows = tx.all("due", {"now": tx.now, "limit": PER_GROUP})
    for found in rows:
        _one(tx, queues, Row._make(found), jitter)
    return len(rows)


def _one(tx: Tx, queues: Queues, row: Row, jitter: float) -> None:
    if core.is_terminal(row.state):
        _delete(tx, row)
    elif row.deadline <= tx.now:
        error = core.expired(row.deliveries)
        change(tx, queues, row, core.Verdict("expire", error=error))
    elif row.state == "assigned":
        change(tx, queues, row, core.after_loss(row.tries(), tx.now, jitter))
    else:
        turn = queues.again(row.ns, row.queue, row.priority, row.turn, ready=True)
        tx.run("make_ready", {"n": row.n, "turn": turn})


def _delete(tx: Tx, row: Row) -> None:
    if row.scope is not None:
        tx.run("let_expire", {"scope": row.scope, "expires": tx.now + DAY})
    last = tx.one("last_event_of_task", {"n": row.n})[0]
    if last is not None:
        tx.run("raise_floor", {"id": last})
    for name in ("delete_events", "delete_payload", "delete_task"):
        tx.run(name, {"n": row.n})
    tx.count(row.ns, row.state, -1)


def tidy(tx: Tx) -> int:
    """Drop what outlived its use: keys, failures, links, sessions, old events, client epochs."""
    dropped = tx.run("drop_repeats", {"now": tx.now, "limit": PER_GROUP}).rowcount
    tx.run("drop_failures", {"before": tx.now - DAY})
    tx.run("drop_logins", {"now": tx.now})
    tx.run("drop_sessions", {"now": tx.now})
    tx.run("drop_epochs", {"before": tx.now - RETENTION})
    old = tx.all("old_events", {"before": tx.now - EVENTS_KEPT, "limit": PER_GROUP})
    for (id,) in old:
        tx.run("delete_event", {"id": id})
    if old:
        tx.run("raise_floor", {"id": max(id for (id,) in old)})
    return dropped + len(old)
