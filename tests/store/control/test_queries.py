"""Every statement stands once, is used, and can be prepared against the schema."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatixia.store.control import queries
from chatixia.wire.tasks import TERMINAL

SRC = Path(queries.__file__).parent
STATEMENTS = queries.load()


@pytest.fixture(scope="module")
def db() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:")
    for _, script in queries.migrations():
        made.executescript(script)
    yield made
    made.close()


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_can_be_prepared(name: str, db: sqlite3.Connection):
    sql = STATEMENTS[name]
    named = set(re.findall(r":(\w+)", sql))
    params = dict.fromkeys(named) if named else (None,) * sql.count("?")
    db.execute(f"EXPLAIN {sql}", params)


def test_each_is_used_by_name():
    code = " ".join(path.read_text() for path in SRC.glob("*.py"))
    assert [name for name in STATEMENTS if f'"{name}"' not in code] == []


def test_hot_paths_use_their_index(db: sqlite3.Connection):
    wanted = {
        "queue_head": "tasks_ready",
        "queue_below": "tasks_ready",
        "queue_any": "tasks_ready",
        "held_count": "tasks_held",
        "held_by": "tasks_held",
        "paused": "tasks_paused",
        "ended": "tasks_ended",
        "oldest_ended": "tasks_of_holder",
        "waiting": "tasks_ready",
        "remembered": "PRIMARY KEY",
        "task_by_scope": "autoindex",
        "task": "autoindex",
        "drop_repeats": "repeats_expires",
        "old_events": "events_other",
        "delete_events": "events_task",
    }
    for name, index in wanted.items():
        sql = STATEMENTS[name]
        named = set(re.findall(r":(\w+)", sql))
        params = dict.fromkeys(named) if named else (None,) * sql.count("?")
        plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", params))
        assert index in plan, f"{name}: {plan}"


def test_pages_of_people_and_of_who_waits_are_read_by_an_index_in_its_order(db: sqlite3.Connection):
    """So that a page costs what it shows, however many there are."""
    for name, index in {"sessions": "sessions_id", "pairings": "pairings_state"}.items():
        params = dict.fromkeys(set(re.findall(r":(\w+)", STATEMENTS[name])))
        rows = db.execute(f"EXPLAIN QUERY PLAN {STATEMENTS[name]}", params).fetchall()
        plan = " ".join(row[3] for row in rows)
        assert index in plan and "TEMP B-TREE" not in plan, f"{name}: {plan}"


def test_no_index_builds_a_table_at_each_write(db: sqlite3.Connection):
    """An IN of more than two is one, in each statement and for each partial index."""
    indexes = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
    lists = {
        name: len(words.split(","))
        for name, sql in indexes.items()
        for words in re.findall(r" IN \(([^)]*)\)", sql or "")
    }
    assert lists == {"tasks_paused": 2}


def test_ended_are_the_terminal_states():
    states = re.findall(r"'(\w+)'", queries.ENDED)
    assert sorted(states) == sorted(TERMINAL)


def test_rows_have_the_columns_of_the_table(db: sqlite3.Connection):
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info(tasks)")]
    assert set(columns) == {*queries.ROW, "same", "payload", "result"}


def test_a_name_that_stands_twice_is_an_error():
    text = "-- name: a\nSELECT 1 -- one\n-- name: b\nSELECT {row}\n"
    assert queries.parse(text) == {"a": "SELECT 1", "b": "SELECT " + ", ".join(queries.ROW)}
    with pytest.raises(ValueError, match="twice"):
        queries.parse(text + "-- name: a\nSELECT 2\n")


def test_migrations_are_numbered_without_gaps():
    assert [number for number, _ in queries.migrations()] == list(
        range(1, len(queries.migrations()) + 1)
    )
