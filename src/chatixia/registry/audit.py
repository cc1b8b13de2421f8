"""The audit log at the registry: the one door by which an act is recorded, and its readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatixia.store.control.audit import AuditEntry
from chatixia.store.control.store import Store
from chatixia.wire.audit import AuditLine, AuditPage, AuditQuery
from chatixia.wire.trust import REGISTRY

from .call import Handler, RequestContext
from .waiters import Waiters

MOST_WAITERS: Final = 64
"""Readers that wait for a line at once."""
NEXT: Final = ""
"""What they all wait for: the next line."""


class AuditLog:
    """Verb ``audit.list``, and :meth:`record` for an act that is no verb or writes nothing.

    A verb whose row in the table says ``audited`` needs no call: its line goes with its first
    write, and ``store.control.audit.concerns`` says more of it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.waiters = Waiters(MOST_WAITERS)
        store.audit.listen(self._added)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"audit.list": self.page}

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
        self.waiters.close()

    async def page(self, call: RequestContext, query: AuditQuery) -> AuditPage:
        """A page of lines; an empty one waits for a line where it was asked to."""
        seconds = query.wait_ms / 1000 if query.oldest else 0
        return await self.waiters.read(
            NEXT, seconds, lambda: self._store.audit.page(query), lambda page: not page.lines
        )

    def _added(self, line: AuditLine) -> None:
        self.waiters.wake(NEXT)
