"""What each holder has in the store: open tasks, and bytes on disk (core.shares).

Counted in the transaction that changes it and kept in a table, so a restart forgets nothing.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import Final

from chatixia.core.shares import RETRY_AFTER, ShareLimits, Shares
from chatixia.errors import Overloaded

from .tx import Transaction

ASKER: Final[ContextVar[str]] = ContextVar("chatixia.asker", default="")
"""The holder on whose behalf the present verb reads and writes; "" for the registry itself."""
TASK_BYTES: Final = 1024
"""What a task takes beside its payload, result and error: row, indexes, events."""
KEY_BYTES: Final = 256
"""What an idempotency key takes once its task is gone."""


class Holdings:
    """The holders' open ``tasks`` and ``bytes``; a change is undone with its item."""

    def __init__(self, bounds: ShareLimits) -> None:
        self.tasks, self.bytes = Shares(bounds.open_tasks), Shares(bounds.stored_bytes)
        self._moved: dict[str, list[int]] = {}

    def load(self, tx: Transaction) -> None:
        """From the table; what is written from now on is written to it."""
        for holder, tasks, size in tx.all("shares"):
            self.tasks.add(holder, tasks)
            self.bytes.add(holder, size)
        tx.parts.append(self)

    def check(self, holder: str, size: int) -> None:
        """Raise Overloaded if ``holder`` may have no further task with so large a payload."""
        if not self.tasks.fits(holder):
            raise Overloaded(
                "Too many tasks of this machine are open; wait for some to end.",
                retry_after=RETRY_AFTER,
            )
        if not self.bytes.fits(holder, TASK_BYTES + size):
            raise Overloaded(
                "This machine uses all of its share of the registry's disk until old tasks are"
                " removed.",
                retry_after=RETRY_AFTER,
            )

    def move(self, tx: Transaction, holder: str, tasks: int, size: int) -> None:
        """``holder`` has that many more (or fewer) open tasks and bytes. "" counts for nobody."""
        if holder:
            self._apply(holder, tasks, size)
            tx.undo(partial(self._apply, holder, -tasks, -size))

    def _apply(self, holder: str, tasks: int, size: int) -> None:
        if tasks:
            self.tasks.add(holder, tasks)
        if size:
            self.bytes.add(holder, size)
        moved = self._moved.setdefault(holder, [0, 0])
        moved[0] += tasks
        moved[1] += size

    def flush(self, tx: Transaction) -> None:
        """Write what the group moved."""
        for holder, (tasks, size) in self._moved.items():
            if tasks or size:
                tx.run("move_share", {"holder": holder, "tasks": tasks, "bytes": size})
                if not self.tasks.of(holder) and not self.bytes.of(holder):
                    tx.run("drop_share", (holder,))

    def committed(self) -> None:
        """It is on the disk."""
        self._moved.clear()
