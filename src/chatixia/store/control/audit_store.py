"""The store's part for the audit log: lines of their own, pages, the settings as last recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatixia.core.audit import AuditKeep
from chatixia.wire.audit import AuditLine, AuditPage, AuditQuery

from .access import StoreAccess
from .audit import FLOOR, HEAD, AuditEntry, acting, read_mark
from .queries import load

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
            await self._access.write(lambda tx: tx.run("set_meta", params) and None)

    async def page(self, query: AuditQuery) -> AuditPage:
        """Lines as ``query`` says, with the marks of the newest line and of the last dropped
        one, all of one snapshot."""
        return await self._access.run(lambda db: _page(db, query))

    def listen(self, listener: Callable[[AuditLine], None]) -> None:
        """Call ``listener`` with each new line from now on."""
        self._access.audited.append(listener)


def _page(db: sqlite3.Connection, query: AuditQuery) -> AuditPage:
    params = {name: getattr(query, name) for name in ("n", "actor", "act", "target")}
    if not query.oldest:
        params["n"] = query.n or LAST
    sql = load()["audit_oldest" if query.oldest else "audit_newest"]
    rows = db.execute(sql, params | {"limit": query.limit + 1}).fetchall()
    lines = [AuditLine(*row) for row in rows[: query.limit]]
    return AuditPage(lines, read_mark(db, HEAD), read_mark(db, FLOOR), len(rows) > query.limit)
