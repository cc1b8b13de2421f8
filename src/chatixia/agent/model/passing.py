"""The store of conversations that nobody goes on with: what was asked without a session, over a
link, ends with its process, so nothing of it is written anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from chatixia.store.local.agent_store import AgentStore
from chatixia.store.local.conversations import (
    ConversationKey,
    ConversationRow,
    OpenedRun,
    StoredMessage,
)


class PassingStore(AgentStore):
    """Opens each run anew, and keeps nothing; its run itself has its messages."""

    async def open_run(self, key: ConversationKey, run: str, now: float) -> OpenedRun:
        """A new run in a new conversation."""
        row = ConversationRow(
            id=0,
            owner=key.owner,
            session=key.session,
            task=key.task,
            created=now,
            used=now,
            size=0,
            messages=0,
            run=run,
            open=True,
            digest=b"",
            folded=0,
        )
        return OpenedRun(row, [], "new")

    async def append(
        self, conversation: int, run: str, messages: Sequence[StoredMessage], now: float
    ) -> int:
        """Keep nothing."""
        return len(messages)

    async def end_run(self, conversation: int, run: str) -> None:
        """It was never written."""

    async def fold(self, conversation: int, through: int, digest: bytes) -> bool:
        """There is nothing to fold."""
        return False
