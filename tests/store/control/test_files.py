"""A database that is gone takes nothing: not a write, not a read, and says why."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from chatixia.errors import OutcomeUnknown, Unavailable

from .kit import Ledger


def deleted(db: Path) -> None:
    db.unlink()


def replaced(db: Path) -> None:
    shutil.copy(db, db.with_name("copy"))
    os.replace(db.with_name("copy"), db)


def overwritten(db: Path) -> None:
    db.write_bytes(db.read_bytes() + bytes(4096))


def without_log(db: Path) -> None:
    db.with_name("registry.db-wal").unlink()


def moved_away(db: Path) -> None:
    db.parent.rename(db.parent.with_name("elsewhere"))


@pytest.mark.parametrize("harm", [deleted, replaced, overwritten, without_log, moved_away])
async def test_nothing_is_acknowledged_over_files_that_are_not_ours(ledger: Ledger, harm):
    kept = await ledger.submit()
    assert ledger.store.fault() == ""
    harm(ledger.folder / "registry.db")
    # Not looked at yet: what is committed now is not said to be kept.
    with pytest.raises(OutcomeUnknown):
        await ledger.submit()
    with pytest.raises(Unavailable) as error:
        await ledger.submit()
    assert error.value.outcome == "definite" and "registry.db" in error.value.message
    assert "chatixia up" in error.value.message
    with pytest.raises(Unavailable):
        await ledger.state(kept)
    assert ledger.store.fault() == error.value.message


async def test_it_is_seen_without_any_work_and_passes_when_the_file_is_back(ledger: Ledger):
    kept = await ledger.submit()
    path = ledger.folder / "registry.db"
    path.rename(path.with_name("aside"))
    ledger.world.advance(1.0)
    assert "deleted" in ledger.store.fault()
    path.with_name("aside").rename(path)
    ledger.world.advance(1.0)
    assert ledger.store.fault() == ""
    assert await ledger.state(kept) == "pending"


# Before Python 3.12 nothing can be said to SQLite about a file that was written over in place.
@pytest.mark.parametrize("unlinked", [True, False] if sys.version_info >= (3, 12) else [True])
async def test_closing_leaves_what_was_put_there_alone(tmp_path: Path, unlinked: bool):
    other = b"another's" * 100_000  # SQLite itself sees a file that is too small
    async with Ledger(tmp_path / "registry") as ledger:
        await ledger.submit()
        path = ledger.folder / "registry.db"
        if unlinked:
            path.unlink()
        path.write_bytes(other)
        ledger.world.advance(1.0)
    assert path.read_bytes() == other
    assert ledger.deaths == []
