"""Stored events: written, and read on from a cursor."""

from __future__ import annotations

from typing import Final

from chatixia.core.task import fence_key, fence_text
from chatixia.errors import CursorExpired

from .access import StoreAccess
from .rows import StoredEvent

MOST_EVENTS: Final = 2000
"""Events that one read gives."""
LAST: Final = 2**62
"""Above every row's number."""


class EventStore:
    """Events of agents, links, invitations ...; tasks write their own."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access

    async def put(
        self, kind: str, id: str, change: str, body: bytes = b"{}", ns: str = "default"
    ) -> None:
        """Store an event."""
        await self._access.write(lambda tx: tx.event(ns, kind, id, change, body), size=len(body))

    async def cursor(self) -> str:
        """The cursor of the present snapshot."""
        row = await self._access.first("last_event", {})
        return fence_text(self._access.generation, int(row[0]) if row else 0)

    async def after(self, cursor: str, limit: int = 200) -> list[StoredEvent]:
        """Events after ``cursor`` in order; "" starts at the oldest. Raises CursorExpired."""
        after, own = 0, self._access.generation
        if cursor:
            generation, after = fence_key(cursor)
            floor = int((await self._access.first("meta", {"key": "floor"}))[0])
            if generation != own or after < floor:
                raise CursorExpired
        params = {"after": min(after, LAST), "limit": min(limit, MOST_EVENTS)}
        rows = await self._access.read("events_after", params)
        return [
            StoredEvent(kind, id, change, at, fence_text(own, n), ns, body)
            for n, at, ns, kind, id, change, body in rows
        ]
