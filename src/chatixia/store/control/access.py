"""How the parts of the store reach its database: one writer, few readers, store time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from chatixia.wire.audit import AuditLine

from .audit import ACT, with_line
from .clock import StoreClock
from .queries import load
from .readers import Readers
from .writer import Lane, Writer

T = TypeVar("T")


class StoreAccess:
    """Given to each part of a store.

    ``generation``: the high part of fences, epochs, cursors. ``now()``: store time in seconds,
    which never steps back, also over restarts; mesh time is this. ``await run(read)``:
    ``read(connection)`` over one snapshot, off the loop (``Readers.run``).
    """

    def __init__(
        self, writer: Writer, readers: Readers, clock: StoreClock, generation: int
    ) -> None:
        self._writer, self.generation = writer, generation
        self.now, self.run = clock.now, readers.run
        self.audited: list[Callable[[AuditLine], None]] = []
        """Told of each new line of the audit log, once it is on disk."""

    async def write(
        self, run: Callable[..., T], *args: Any, lane: Lane = Lane.SUBMIT, size: int = 0
    ) -> T:
        """``run(transaction, *args)`` in the writer; its result once that is on disk.

        The first write of an act that is audited has the act's line in the same transaction.
        """
        entry = ACT.get()
        if entry is None or entry.begun:
            result: T = await self._writer.put(lambda tx: run(tx, *args), lane, size)
            return result
        entry.begun = True
        try:
            result, line = await self._writer.put(with_line(run, args, entry), lane, size)
        except BaseException:
            entry.begun = False
            raise
        for listener in self.audited:
            listener(line)
        return result

    async def put(self, name: str, params: dict[str, Any]) -> None:
        """The statement ``name`` alone, as :meth:`write` does."""
        await self.write(lambda tx: tx.run(name, params))

    def writes_for(self, holder: str) -> bool:
        """Whether something of ``holder`` waits for the writer or is being written."""
        return self._writer.has(holder)

    async def read(self, name: str, params: dict[str, Any]) -> list[Any]:
        """All rows of the statement ``name``."""
        sql = load()[name]
        return await self.run(lambda db: db.execute(sql, params).fetchall())

    async def first(self, name: str, params: dict[str, Any]) -> Any:
        """The first row of the statement ``name``, or None."""
        rows = await self.read(name, params)
        return rows[0] if rows else None
