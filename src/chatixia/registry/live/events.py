"""Stored events to watchers as they are written; the cursor lets a page continue after a loss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from chatixia.errors import CursorExpired, MeshError
from chatixia.registry.call import Handler, RequestContext
from chatixia.registry.roles import hears
from chatixia.store.control.rows import StoredEvent
from chatixia.store.control.store import Store
from chatixia.wire.registry import WatchAll, Watching
from chatixia.wire.signaling import Event

from .roster import Roster

log = logging.getLogger("chatixia.registry")

PAGE: Final = 200
REPLAY: Final = 1000
"""Events given again to a watcher that comes back with a cursor; more is ``cursor_expired``."""


class Events:
    """Verb ``watch``, and the one task that reads new rows."""

    def __init__(self, store: Store, roster: Roster) -> None:
        self._store, self._roster = store, roster
        self._wake = asyncio.Event()
        self._cursor = ""
        self._behind = False
        self._task: asyncio.Task[None] | None = None
        self._deaf: Callable[[], None] | None = None

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "watch": self.watch,
        }

    async def start(self) -> None:
        """Begin at the present."""
        self._cursor = await self._store.events.cursor()
        self._deaf = self._store.listen(lambda _: self._wake.set())
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End the reading."""
        if self._deaf is not None:
            self._deaf()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def tell(self, kind: str, id_: str, change: str) -> None:
        """Something that is not stored changed (presence, links): watchers are told once."""
        self._roster.broadcast(Event(kind, id_[:128], change, self._store.now()))

    async def note(self, kind: str, id_: str, change: str) -> None:
        """An act that is kept: invitations taken, members revoked or gone."""
        await self._store.events.put(kind, id_[:128], change)
        self._wake.set()

    async def watch(self, call: RequestContext, request: WatchAll) -> Watching:
        """Send this socket every event from ``cursor`` (default: now) on.

        Over REST only the cursor. Raises CursorExpired.
        """
        if call.watch is None:
            return Watching(await self._store.events.cursor())
        since = request.cursor or await self._store.events.cursor()
        since = await self._replay(call, since)
        if self._behind:
            self._cursor, self._behind = since, False
            self._wake.set()
        call.watch()
        # What was told to others while the rows were read comes now; twice is better than never.
        return Watching(await self._replay(call, since))

    async def _replay(self, call: RequestContext, since: str) -> str:
        """Send the events after ``since``; the cursor behind them."""
        missed = await self._store.events.after(since, REPLAY + 1)
        if len(missed) > REPLAY:
            raise CursorExpired
        for row in (row for row in missed if hears(call.caller, row.kind)):
            self._roster.push(call.caller.id, event(row), call.caller.epoch)
        return missed[-1].cursor if missed else since

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._roster.watched():
                # Nobody would hear it; the next watcher begins at its own present.
                self._behind = True
                continue
            try:
                await self._read()
            except MeshError as error:
                log.warning("events: %s", error.code)
                self._cursor = await self._store.events.cursor()

    async def _read(self) -> None:
        while rows := await self._store.events.after(self._cursor, PAGE):
            self._cursor = rows[-1].cursor
            for row in rows:
                self._roster.broadcast(event(row))


def event(row: StoredEvent) -> Event:
    """A stored event as watchers get it."""
    return Event(row.kind, row.id, row.change, row.at, row.cursor, msgspec.Raw(row.body))
