"""An agent's conversations and spending, asked from the loop and kept by a thread of its own.

The thread does one thing after the other, in the order in which it was asked; what waits for it is
bounded. The file is the one of the agent's pins, on a connection of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from chatixia.core.spending import Spending
from chatixia.errors import Overloaded, Unavailable

from . import conversations, spending
from .conversations import ConversationKey, ConversationRow, OpenedRun, StoredMessage
from .database import connected, guarded, in_memory, prepare

P = ParamSpec("P")
T = TypeVar("T")

MAX_WAITING: Final = 1024
"""Operations that wait for the thread."""


class AgentStore:
    """The file at ``path``, or memory that dies with the process. Opened with the first use.

    Every method raises Unavailable or DiskFull where the file cannot be used, ConfigError where it
    cannot be opened, Overloaded beyond :data:`MAX_WAITING`. What is written is written even if the
    caller is cancelled meanwhile.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._where = str(path) if path is not None else "memory"
        self._pool: ThreadPoolExecutor | None = None
        self._db: sqlite3.Connection | None = None
        self._mutex = threading.Lock()
        self._waiting = 0
        self._closed = False

    # Conversations

    async def open_run(self, key: ConversationKey, run: str, now: float) -> OpenedRun:
        """See :func:`.conversations.open_run`; ``now``: seconds since the epoch."""
        return await self._run(conversations.open_run, key, run, now)

    async def append(
        self, conversation: int, run: str, messages: Sequence[StoredMessage], now: float
    ) -> int:
        """See :func:`.conversations.append`."""
        return await self._run(conversations.append, conversation, run, messages, now)

    async def end_run(self, conversation: int, run: str) -> None:
        """See :func:`.conversations.end_run`."""
        await self._run(conversations.end_run, conversation, run)

    async def fold(self, conversation: int, through: int, digest: bytes) -> bool:
        """See :func:`.conversations.fold`."""
        return await self._run(conversations.fold, conversation, through, digest)

    async def find(self, key: ConversationKey) -> ConversationRow | None:
        """The conversation of ``key``."""
        return await self._run(conversations.find, key)

    async def read(self, conversation: int) -> list[StoredMessage]:
        """Its messages, the oldest first."""
        return await self._run(conversations.read, conversation)

    async def conversations(self, owner: str | None = None) -> list[ConversationRow]:
        """Those of an owner, or of all, the last used first."""
        return await self._run(conversations.list_conversations, owner)

    async def forget(self, owner: str | None = None, session: str | None = None) -> int:
        """Delete one conversation, those of an owner, or all; how many."""
        return await self._run(conversations.forget, owner, session)

    # Spending

    async def spend(self, scopes: Sequence[str], day: int, amount: Spending) -> dict[str, Spending]:
        """Add ``amount`` to each scope's ``day``; what they have spent then."""
        return await self._run(spending.add_spending, scopes, day, amount)

    async def spent(self, scopes: Sequence[str], day: int) -> dict[str, Spending]:
        """What each scope has spent on ``day``."""
        return await self._run(spending.spent, scopes, day)

    async def close(self) -> None:
        """Let what waits be done, and close the file; a second time does nothing."""
        if (last := self._end()) is not None:
            await asyncio.shield(asyncio.wrap_future(last))

    def abandon(self) -> None:
        """The same where no loop runs any more; waits for nothing."""
        self._end()

    def _end(self) -> Future[None] | None:
        with self._mutex:
            self._closed, pool, self._pool = True, self._pool, None
        if pool is None:
            return None
        last = pool.submit(self._close)
        pool.shutdown(wait=False)
        return last

    async def _run(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with self._mutex:
            if self._closed:
                raise Unavailable("The agent is stopping.")
            if self._waiting >= MAX_WAITING:
                raise Overloaded("Too much waits for the disk of this agent's conversations.")
            self._waiting += 1
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, "chatixia-conversations")
            future = self._pool.submit(self._work, work, args, kwargs)
        return await asyncio.shield(asyncio.wrap_future(future))

    def _work(self, work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        with self._mutex:
            self._waiting -= 1
        with guarded(self._where):
            return work(self._opened(), *args, **kwargs)

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            db = in_memory() if self._path is None else connected(self._path)
            try:
                prepared(db, self._where)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()


def prepared(db: sqlite3.Connection, where: str) -> None:
    """Set a connection up for conversations. Raises ConfigError for a file of a newer version."""
    prepare(db, where)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")
