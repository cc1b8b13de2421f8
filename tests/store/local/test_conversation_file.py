"""A command reads and changes the file beside the agent that has it open."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from chatixia.errors import ConfigError, Unavailable
from chatixia.store.local.agent_store import AgentStore
from chatixia.store.local.conversation_file import ConversationFile
from chatixia.store.local.conversations import ConversationKey, StoredMessage


async def test_it_sees_what_the_agent_has_written_and_takes_it_away(tmp_path: Path):
    store = AgentStore(tmp_path / "local.db")
    run = await store.open_run(ConversationKey("bob", "s"), "r", 1.0)
    await store.append(run.conversation.id, "r", [StoredMessage(b'"hello"')], 1.0)
    with closing(ConversationFile(tmp_path / "local.db")) as file:
        [row] = file.conversations(None)
        assert file.conversations("eve") == []
        assert [message.body for message in file.messages(row.id)] == [b'"hello"']
        assert file.forget("bob", "s") == 1
    assert await store.conversations() == []
    await store.close()


def test_a_file_that_cannot_be_used_is_said_so(tmp_path: Path):
    with pytest.raises(ConfigError):
        ConversationFile(tmp_path / "no" / "local.db")
    (tmp_path / "local.db").write_bytes(os.urandom(9000))
    with pytest.raises(Unavailable, match="cannot be used"):
        ConversationFile(tmp_path / "local.db")
