"""The store's part for the audit log: lines of their own, pages, the settings as last recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import msgspec

from chatixia.core.audit import AuditKeep
from chatixia.wire.audit import AuditLine, AuditPage, AuditQuery

from .access import StoreAccess
from .audit import FLOOR, HEAD, AuditEntry, acting, read_mark

FILTERS: Final = ("actor", "act", "target")
LAST: Final = 2**62
"""Above every line's number."""
SETTINGS: Final = "settings"


class AuditStore:
    """Lines of the audit log. ``keep``: how long they stay."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access
        self.keep = AuditKeep()

    async def append(self, entry: AuditEntry) -> None:
        """Add a line for an act that writes nothing else."""
        with acting(entry):
            await self._access.write(lambda tx: None)

    async def settings(self) -> dict[str, Any]:
        """The settings as they were last recorded; empty before the first time."""
        row = await self._access.first("meta", {"key": SETTINGS})
        values: dict[str, Any] = msgspec.json.decode(row[0]) if row else {}
        return values

    async def put_settings(self, values: dict[str, Any], entry: AuditEntry) -> None:
        """Record other settings, with the line that says so."""
        params = {"key": SETTINGS, "value": msgspec.json.encode(values)}
        with acting(entry):
            await self._access.put("set_meta", params)

    async def page(self, query: AuditQuery) -> AuditPage:
        """Lines as ``query`` says, with the marks of the newest line and of the last dropped
        one, all of one snapshot."""
        return await self._access.run(lambda db: _page(db, query))

    def listen(self, listener: Callable[[AuditLine], None]) -> None:
        """Call ``listener`` with each new line from now on."""
        self._access.audited.append(listener)


@cache
def statement(oldest: bool, filters: tuple[str, ...]) -> str:
    """Only the filters that there are stand in it, so that each finds its index."""
    where = " AND ".join(["n > :n" if oldest else "n < :n", *(f"{f} = :{f}" for f in filters)])
    order = "n" if oldest else "n DESC"
    columns = ", ".join(AuditLine.__struct_fields__)
    return f"SELECT {columns} FROM audit WHERE {where} ORDER BY {order} LIMIT :limit"  # noqa: S608 - names of ours


def _page(db: sqlite3.Connection, query: AuditQuery) -> AuditPage:
    filters = {name: value for name in FILTERS if (value := getattr(query, name))}
    n = query.n if query.oldest else query.n or LAST
    rows = db.execute(
        statement(query.oldest, tuple(filters)), {**filters, "n": n, "limit": query.limit + 1}
    ).fetchall()
    lines = [AuditLine(*row) for row in rows[: query.limit]]
    return AuditPage(lines, read_mark(db, HEAD), read_mark(db, FLOOR), len(rows) > query.limit)
