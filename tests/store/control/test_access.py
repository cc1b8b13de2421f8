"""What reaches the database: refused when it is closed, and its load can be asked."""

from pathlib import Path

import pytest

from chatixia.errors import Unavailable

from .kit import ALICE, Ledger


async def test_a_read_is_a_list_of_rows_and_the_first_may_be_none(ledger: Ledger):
    access = ledger.store.access
    assert await access.first("counts", {"ns": "default"}) is None
    await ledger.submit()
    assert await access.read("counts", {"ns": "default"}) == [("pending", 1)]
    assert await access.run(lambda db: db.execute("SELECT 7").fetchone()) == (7,)


async def test_whose_work_is_being_written_is_known_until_it_is_answered(ledger: Ledger):
    access = ledger.store.access
    assert not access.writes_for(ALICE.machine)
    assert await access.write(lambda tx, more: more + 1, 1) == 2
    assert access.now() == ledger.store.now() and access.generation == ledger.store.generation


async def test_a_closed_store_answers_so(tmp_path: Path):
    made = Ledger(tmp_path)
    await made.store.close()
    with pytest.raises(Unavailable):
        await made.submit()
    with pytest.raises(Unavailable):
        await made.store.tasks.counts()
    Ledger(tmp_path).store.resources.lock.release()


async def test_room_and_load_can_be_asked(ledger: Ledger):
    assert ledger.store.disk_free() > 0
    assert ledger.store.waiting() == 0
