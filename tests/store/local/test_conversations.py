"""Conversations on disk: runs that go on after a kill, and bounds that the oldest pay for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatixia.errors import TooLarge
from chatixia.store.local import conversations as table
from chatixia.store.local import database
from chatixia.store.local.conversations import ConversationKey, StoredMessage

BOB = ConversationKey("bob", "main")


def opened(path: Path | None = None) -> sqlite3.Connection:
    db = database.in_memory() if path is None else database.connected(path)
    database.prepare(db, "test")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")
    return db


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(opened()) as connection:
        yield connection


def turn(n: int, size: int = 10) -> list[StoredMessage]:
    return [
        StoredMessage(f"question {n}".encode().ljust(size), "user", "request", 3),
        StoredMessage(f"answer {n}".encode().ljust(size), "assistant", "response", 4),
    ]


def say(db: sqlite3.Connection, key: ConversationKey, n: int, size: int = 10) -> int:
    run = table.open_run(db, key, f"run{n}", float(n))
    assert table.append(db, run.conversation.id, f"run{n}", turn(n, size), float(n))
    table.end_run(db, run.conversation.id, f"run{n}")
    return run.conversation.id


def bodies(messages: list[StoredMessage]) -> list[str]:
    return [message.body.decode().strip() for message in messages]


def test_what_was_kept_is_there_in_order(db: sqlite3.Connection):
    one = say(db, BOB, 1)
    assert say(db, BOB, 2) == one
    messages = table.read(db, one)
    assert bodies(messages) == ["question 1", "answer 1", "question 2", "answer 2"]
    assert [m.n for m in messages] == [1, 2, 3, 4]
    assert messages[2] == StoredMessage(b"question 2", "user", "request", 3, "run2", 3, 2.0)


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path):
    with closing(opened(tmp_path / "a.db")) as db:
        run = table.open_run(db, BOB, "r", 1.0)
        assert run.state == "new"
        table.append(db, run.conversation.id, "r", turn(1), 1.0)
    with closing(opened(tmp_path / "a.db")) as db:
        again = table.open_run(db, BOB, "r", 2.0)
        assert again.state == "resumed"
        assert bodies(again.messages) == ["question 1", "answer 1"]
        table.end_run(db, again.conversation.id, "r")
        assert table.open_run(db, BOB, "r", 3.0).state == "finished"


def test_a_run_that_ended_before_the_last_is_known_too(db: sqlite3.Connection):
    say(db, BOB, 1)
    say(db, BOB, 2)
    run = table.open_run(db, BOB, "run1", 9.0)
    assert run.state == "finished"
    assert run.conversation.run == "run2"


def test_another_asker_another_session_and_a_task_see_nothing_of_it(db: sqlite3.Connection):
    say(db, BOB, 1)
    for key in (
        ConversationKey("bo", "main"),
        ConversationKey("bob~", "main"),
        ConversationKey("bob", ""),
        ConversationKey("bob", "", "main"),
    ):
        assert table.open_run(db, key, "run1", 2.0).messages == []


def test_the_oldest_conversations_of_an_owner_go_first(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table, "MAX_CONVERSATIONS", 3)
    say(db, ConversationKey("eve", "kept"), 0)
    for n in range(1, 6):
        say(db, ConversationKey("bob", f"s{n}"), n)
    assert [row.session for row in table.list_conversations(db, "bob")] == ["s5", "s4", "s3"]
    assert [row.session for row in table.list_conversations(db, "eve")] == ["kept"]
    assert db.execute("SELECT count(*) FROM messages").fetchone() == (8,)


def test_the_oldest_turns_go_whole(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(table, "MAX_CONVERSATION_BYTES", 450)
    one = [say(db, BOB, n, 100) for n in range(1, 5)][0]
    assert bodies(table.read(db, one)) == ["question 3", "answer 3", "question 4", "answer 4"]
    row = table.find(db, BOB)
    assert row is not None
    assert (row.size, row.messages) == (400, 4)


def test_a_turn_and_a_message_that_never_fit_are_refused(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table, "MAX_CONVERSATION_BYTES", 450)
    monkeypatch.setattr(table, "MAX_MESSAGE_BYTES", 300)
    one = say(db, BOB, 1, 100)
    for size in (301, 250):
        with pytest.raises(TooLarge):
            table.append(db, one, "r", turn(2, size), 2.0)
    assert bodies(table.read(db, one)) == ["question 1", "answer 1"]


def test_the_conversations_unused_for_longest_make_room(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table, "MAX_AGENT_BYTES", 500)
    for n, owner in enumerate(("ann", "bob", "eve"), 1):
        say(db, ConversationKey(owner), n, 100)
    assert [row.owner for row in table.list_conversations(db)] == ["eve", "bob"]


def test_a_task_that_ended_is_forgotten_after_a_day(db: sqlite3.Connection):
    say(db, ConversationKey("bob", "", "t_1"), 1)
    unfinished = table.open_run(db, ConversationKey("bob", "", "t_2"), "t_2", 1.0)
    table.open_run(db, BOB, "r", 2.0 + table.TASK_SECONDS)
    assert table.find(db, ConversationKey("bob", "", "t_1")) is None
    assert table.find(db, unfinished.conversation.key) is not None


def test_a_digest_takes_the_place_of_messages_in_runs_to_come(db: sqlite3.Connection):
    one = say(db, BOB, 1)
    say(db, BOB, 2)
    assert table.fold(db, one, 2, b"earlier: 1")
    run = table.open_run(db, BOB, "run3", 3.0)
    assert (run.conversation.digest, run.conversation.messages) == (b"earlier: 1", 4)
    assert bodies(run.messages) == ["question 2", "answer 2"]
    assert len(table.read(db, one)) == 4
    assert "answer 1" in bodies(table.open_run(db, BOB, "run1", 4.0).messages)
    with pytest.raises(TooLarge):
        table.fold(db, one, 2, bytes(table.MAX_DIGEST_BYTES + 1))


def test_what_is_forgotten_is_gone_from_the_file_and_stays_away(tmp_path: Path):
    path = tmp_path / "a.db"
    with closing(opened(path)) as db:
        one = say(db, BOB, 1)
        say(db, ConversationKey("bob", "other"), 2)
        say(db, ConversationKey("eve"), 3)
        assert table.forget(db, "bob", "main") == 1
        assert not table.append(db, one, "late", turn(4), 4.0)
        assert not table.fold(db, one, 1, b"")
        held = b"".join(p.read_bytes() for p in sorted(tmp_path.iterdir()))
        assert b"question 2" in held
        assert b"question 1" not in held
        assert table.forget(db, "bob") == 1
        assert table.forget(db) == 1
        assert table.list_conversations(db) == []
