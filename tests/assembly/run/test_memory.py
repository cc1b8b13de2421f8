"""What an agent remembers is found by its name and by its folder, and read while it runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.run.memory import AgentMemory, agent_file
from chatixia.errors import ConfigError, NotFound, Unavailable
from chatixia.store.local.agent_store import AgentStore
from chatixia.store.local.conversations import ConversationKey, StoredMessage
from tests.assembly.profile.test_profile import create


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    return create(tmp_path / "home")


async def talk(store: AgentStore, owner: str, session: str, text: bytes) -> None:
    run = await store.open_run(ConversationKey(owner, session), text.decode(), 1.0)
    await store.append(run.conversation.id, text.decode(), [StoredMessage(text, "user")], 1.0)


def test_a_name_and_a_folder_lead_to_the_same_kind_of_file(profile: Profile, tmp_path: Path):
    own = profile.agent_dir("weather")
    own.mkdir(parents=True)
    (own / "local.db").touch()
    assert agent_file("weather") == ("weather", own / "local.db")
    folder = tmp_path / "helper"
    folder.mkdir()
    (folder / "agent.yaml").write_text("name: helper\n")
    with pytest.raises(NotFound, match="helper has saved nothing"):
        agent_file(str(folder))
    data = profile.agent_dir("helper", folder / ".chatixia")
    data.mkdir(parents=True)
    (data / "local.db").touch()
    assert agent_file(str(folder)) == ("helper", data / "local.db")
    assert agent_file(str(folder / "agent.yaml")) == ("helper", data / "local.db")


def test_what_is_no_agent_is_refused(profile: Profile, tmp_path: Path):
    for target in ("No Agent", str(tmp_path)):
        with pytest.raises(ConfigError, match="neither the name of an agent nor a folder"):
            agent_file(target)


async def test_it_is_read_and_forgotten_while_the_agent_writes(tmp_path: Path):
    store = AgentStore(tmp_path / "local.db")
    await talk(store, "laptop~", "s1", b'"one"')
    await talk(store, "laptop~", "s2", b'"two"')
    await talk(store, "bob", "s1", b'"three"')

    def look() -> tuple[int, list[bytes], int]:
        with AgentMemory(tmp_path / "local.db") as held:
            [row] = held.conversations("laptop~abcdef", "s1")
            bodies = [message.body for message in held.messages(row)]
            return len(held.conversations()), bodies, held.forget("laptop~", "s1")

    assert await asyncio.to_thread(look) == (3, [b'"one"'], 1)
    await talk(store, "bob", "s2", b'"four"')
    assert {(row.owner, row.session) for row in await store.conversations()} == {
        ("laptop~", "s2"),
        ("bob", "s1"),
        ("bob", "s2"),
    }
    await store.close()


def test_a_damaged_file_is_said_so(tmp_path: Path):
    (tmp_path / "local.db").write_bytes(os.urandom(9000))
    with pytest.raises(Unavailable, match="cannot be used"):
        AgentMemory(tmp_path / "local.db")
