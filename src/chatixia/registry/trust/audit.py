"""The audit log at the registry: the one door by which an act is recorded, and its readers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from chatixia.errors import Overloaded, Unavailable
from chatixia.registry.call import Handler, RequestContext
from chatixia.store.control.audit import AuditEntry
from chatixia.store.control.store import Store
from chatixia.wire.audit import AuditLine, AuditPage, AuditQuery
from chatixia.wire.trust import REGISTRY

MOST_WAITERS: Final = 64
"""Readers that wait for a line at once."""


class AuditLog:
    """Verb ``audit.list``, and :meth:`record` for an act that is no verb or writes nothing.

    A verb whose row in the table says ``audited`` needs no call: its line goes with its first
    write, and ``store.control.audit.concerns`` says more of it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: set[asyncio.Event] = set()
        self._closing = False
        store.audit.listen(self._added)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"audit.list": self.page}

    @property
    def waiting(self) -> int:
        """Readers that wait for a line."""
        return len(self._waiting)

    async def record(self, entry: AuditEntry) -> None:
        """Keep a line; on disk when this returns. Raises as a write of the store does."""
        await self._store.audit.append(entry)

    async def record_settings(self, values: Mapping[str, Any]) -> None:
        """Keep a line that names the settings which differ from those of the last start."""
        old = await self._store.audit.settings()
        changed = sorted(key for key in {*old, *values} if old.get(key) != values.get(key))
        if changed:
            entry = AuditEntry(REGISTRY, "local", "settings", detail=" ".join(changed))
            await self._store.audit.put_settings(dict(values), entry)

    def close(self) -> None:
        """Answer all that wait: this registry stops."""
        self._closing = True
        self._wake()

    async def page(self, call: RequestContext, query: AuditQuery) -> AuditPage:
        """A page of lines; an empty one waits for a line where it was asked to."""
        page = await self._store.audit.page(query)
        if page.lines or not (query.wait_ms and query.oldest):
            return page
        await self._wait(query.wait_ms / 1000)
        return await self._store.audit.page(query)

    async def _wait(self, seconds: float) -> None:
        """Until there is a further line or the time is over."""
        if self._closing:
            raise Unavailable("The registry is stopping.")
        if len(self._waiting) >= MOST_WAITERS:
            raise Overloaded("Too many readers of the audit log wait; try again later.")
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(event)

    def _added(self, line: AuditLine) -> None:
        self._wake()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()
