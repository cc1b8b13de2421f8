"""Answers that are given again: to a claim, and to a failure whose task moved on.

What a submit was answered stands in its task's row, and here once that row is gone.
"""

from __future__ import annotations

from typing import Final

from chatixia.core.ports import Principal
from chatixia.core.shares import holder_of

from .holdings import KEY_BYTES
from .memory import WriterMemory
from .tx import Transaction

DAY: Final = 86_400.0
RETENTION: Final = 7 * DAY
"""How long an ended task stays; its idempotency key a day longer."""


def remember(
    tx: Transaction,
    memory: WriterMemory,
    principal: Principal,
    scope: bytes,
    answer: bytes,
    expires: float,
) -> None:
    """Keep the answer to a key until then; it counts for ``principal``."""
    holder = holder_of(principal)
    params = {"scope": scope, "same": b"", "answer": answer, "expires": expires, "holder": holder}
    if tx.run("remember", params).rowcount > 0:
        memory.holdings.move(tx, holder, 0, KEY_BYTES)
