"""A group's transaction: an item that fails takes back its own share, of rows and of memory."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatixia.errors import Conflict
from chatixia.store.control.database import open_writer
from chatixia.store.control.tx import Transaction


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    db = open_writer(tmp_path / "registry.db", 1.0)
    yield Transaction(db, 1)
    db.close()


def events(tx: Transaction) -> list[str]:
    return [row[0] for row in tx.db.execute("SELECT change FROM events ORDER BY id")]


def good(tx: Transaction) -> str:
    tx.run("note_failure", {"at": tx.now, "kind": "x"})
    tx.event("default", "agent", "bob", "joined", b"{}")
    tx.count("default", "pending", 2)
    tx.notices.append("good")
    return "done"


def test_an_item_that_fails_is_undone_alone(tx: Transaction):
    undone: list[str] = []

    def bad(tx: Transaction) -> None:
        good(tx)
        tx.undo(lambda: undone.append("first"))
        tx.undo(lambda: undone.append("second"))
        raise Conflict

    tx.begin(5.0)
    assert tx.item(good) == "done"
    with pytest.raises(Conflict):
        tx.item(bad)
    tx.flush()
    tx.commit()
    assert undone == ["second", "first"]
    assert tx.notices == ["good"]
    assert events(tx) == ["joined"]
    assert tx.totals == {("default", "pending"): 2}
    assert tx.all("counts", {"ns": "default"}) == [("pending", 2)]
    assert tx.one("failures", {"kind": "x", "since": 0})[0] == 1
    assert tx.one("meta", {"key": "mark"})[0] == 5.0


def test_a_group_that_is_abandoned_leaves_nothing(tx: Transaction):
    undone: list[int] = []
    tx.begin(5.0)
    tx.item(good)
    tx.undo(lambda: undone.append(1))
    tx.flush()
    tx.abandon()
    assert undone == [1]
    assert not tx.db.in_transaction
    assert (tx.notices, events(tx), tx.totals) == ([], [], {})
    assert tx.one("meta", {"key": "mark"})[0] == 0.0


def test_counts_that_cancel_out_write_nothing(tx: Transaction):
    tx.begin(5.0)
    tx.count("default", "pending", 1)
    tx.count("default", "pending", -1)
    tx.flush()
    tx.commit()
    assert tx.all("counts", {"ns": "default"}) == []


def test_a_statement_error_undoes_its_item(tx: Transaction):
    def broken(tx: Transaction) -> None:
        good(tx)
        tx.db.execute("SELECT nothing FROM nowhere")

    tx.begin(5.0)
    with pytest.raises(sqlite3.OperationalError):
        tx.item(broken)
    tx.flush()
    tx.commit()
    assert events(tx) == []
