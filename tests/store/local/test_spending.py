"""Spending adds up, for each scope and day by itself, also from two connections."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

from chatixia.core.spending import Spending
from chatixia.store.local import database
from chatixia.store.local.spending import KEEP_DAYS, add_spending, spent


def test_it_adds_up_by_scope_and_day(tmp_path: Path):
    with closing(database.connected(tmp_path / "a.db")) as db:
        database.prepare(db, "a")
        assert spent(db, ["agent"], 7) == {"agent": Spending()}
        add_spending(db, ["agent", "caller bob"], 7, Spending(1, 100, 20, 0.25, 1.5))
        after = add_spending(db, ["agent"], 7, Spending(1, 50, 5, 0.5, 2.0))
        assert after == {"agent": Spending(2, 150, 25, 0.75, 3.5)}
        assert spent(db, ["agent", "caller bob", "caller eve"], 7) == {
            "agent": Spending(2, 150, 25, 0.75, 3.5),
            "caller bob": Spending(1, 100, 20, 0.25, 1.5),
            "caller eve": Spending(),
        }
        assert spent(db, ["agent"], 8) == {"agent": Spending()}


def test_an_estimate_is_taken_back(tmp_path: Path):
    with closing(database.connected(tmp_path / "a.db")) as db:
        database.prepare(db, "a")
        add_spending(db, ["agent"], 1, Spending(1, 1000, 0, 0.0))
        after = add_spending(db, ["agent"], 1, Spending(0, -400, 30, 0.0))
        assert after == {"agent": Spending(1, 600, 30, 0.0)}


def test_old_days_are_forgotten(tmp_path: Path):
    with closing(database.connected(tmp_path / "a.db")) as db:
        database.prepare(db, "a")
        add_spending(db, ["agent"], 1, Spending(1))
        add_spending(db, ["agent"], KEEP_DAYS + 2, Spending(1))
        assert spent(db, ["agent"], 1) == {"agent": Spending()}


def test_two_processes_lose_nothing(tmp_path: Path):
    def add() -> None:
        with closing(database.connected(tmp_path / "a.db")) as db:
            database.prepare(db, "a")
            for _ in range(50):
                add_spending(db, ["agent"], 1, Spending(1, 2, 3, 0.5))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with closing(database.connected(tmp_path / "a.db")) as db:
        assert spent(db, ["agent"], 1) == {"agent": Spending(200, 400, 600, 100.0)}
