"""The table of spending: requests, tokens and money of a scope on a day, added atomically.

A scope is any name for who or what spends; a day is a number that the caller counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from chatixia.core.spending import Spending

from .conversations import changing

KEEP_DAYS: Final = 62
MAX_SCOPE: Final = 200


def add_spending(
    db: sqlite3.Connection, scopes: Sequence[str], day: int, amount: Spending
) -> dict[str, Spending]:
    """Add ``amount`` to each scope's ``day``, all or none; what they have spent then."""
    values = msgspec.structs.astuple(amount)
    with changing(db):
        db.executemany(
            "INSERT INTO spending VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (scope, day) DO UPDATE SET"
            " requests = requests + excluded.requests,"
            " input_tokens = input_tokens + excluded.input_tokens,"
            " output_tokens = output_tokens + excluded.output_tokens,"
            " money = money + excluded.money,"
            " seconds = seconds + excluded.seconds",
            [(scope[:MAX_SCOPE], day, *values) for scope in scopes],
        )
        db.execute("DELETE FROM spending WHERE day < ?", (day - KEEP_DAYS,))
        return spent(db, scopes, day)


def spent(db: sqlite3.Connection, scopes: Iterable[str], day: int) -> dict[str, Spending]:
    """What each scope has spent on ``day``."""
    query = (
        "SELECT requests, input_tokens, output_tokens, money, seconds FROM spending"
        " WHERE scope = ? AND day = ?"
    )
    rows = {scope: db.execute(query, (scope[:MAX_SCOPE], day)).fetchone() for scope in scopes}
    return {scope: Spending(*row) if row else Spending() for scope, row in rows.items()}
