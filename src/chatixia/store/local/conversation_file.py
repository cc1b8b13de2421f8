"""The conversations of an agent's file, for a program that does one thing and ends: a command.

Several processes may use the file at once, the agent itself among them.
"""

from __future__ import annotations

from pathlib import Path

from chatixia.core.spending import Spending

from .agent_store import prepared
from .conversations import ConversationRow, StoredMessage, forget, list_conversations, read
from .database import connected, guarded
from .spending import spent


class ConversationFile:
    """The file at ``path``. Blocks: making it and each method raise Unavailable or DiskFull, the
    first also ConfigError."""

    def __init__(self, path: Path) -> None:
        self._where = str(path)
        self._db = connected(path)
        try:
            with guarded(self._where):
                prepared(self._db, self._where)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def conversations(self, owner: str | None) -> list[ConversationRow]:
        """Those of an owner, or of all, the last used first."""
        with guarded(self._where):
            return list_conversations(self._db, owner)

    def messages(self, conversation: int) -> list[StoredMessage]:
        """Its messages, the oldest first."""
        with guarded(self._where):
            return read(self._db, conversation)

    def spent(self, scope: str, day: int) -> Spending:
        """What a scope has spent on a day."""
        with guarded(self._where):
            return spent(self._db, [scope], day)[scope]

    def forget(self, owner: str | None, session: str | None = None) -> int:
        """Delete one conversation, those of an owner, or all; how many."""
        with guarded(self._where):
            return forget(self._db, owner, session)
