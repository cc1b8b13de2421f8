"""What becomes of the open tasks of removed members: found in pages, ended in small groups."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from chatixia.core import task as core

from .leases import mark_started
from .memory import WriterMemory
from .queries import load
from .transition import change
from .tx import Transaction

SCAN: Final = 20_000
"""Rows that one page looks at: no index serves this rare question, each submit would pay for it."""


def page(
    db: sqlite3.Connection, ns: str, removed: core.RemovedParties, after: int
) -> tuple[list[int], int]:
    """Numbers of open tasks that concern ``removed`` among the rows from behind ``after`` on, and
    the number to go on from, 0 at the end."""
    sql, wanted = load(), {"after": after, "scan": SCAN}
    names = msgspec.json.encode(sorted(removed.names)).decode()
    parties = msgspec.json.encode(sorted(removed.parties)).decode()
    rows = db.execute(
        sql["open_of"], {**wanted, "ns": ns, "names": names, "parties": parties}
    ).fetchall()
    last = db.execute(sql["scanned_up"], wanted).fetchone()
    return [n for (n,) in rows], last[0] if last else 0


def remove(
    tx: Transaction,
    memory: WriterMemory,
    removed: core.RemovedParties,
    numbers: Sequence[int],
    marks: list[tuple[str, int]],
    jitter: float,
) -> int:
    """End what ``removed`` submitted or should have done, give back what it holds; gives how many.

    ``marks``: tasks said to be started that are not yet written so, written first.
    """
    mark_started(tx, memory, marks)
    ended = 0
    for n in numbers:
        row = memory.rows.number(tx, n)
        if row is None or core.is_terminal(row.state):
            continue
        verdict = core.after_removal(row.concern(), row.state, row.tries(), removed, tx.now, jitter)
        if verdict is not None:
            change(tx, memory, row, verdict, taken_up=verdict.event in core.TRIED)
            ended += 1
    return ended
