"""The write-ahead file stays bounded, however large what is written and however full the disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from chatixia.errors import DiskFull
from chatixia.store.control import wal
from chatixia.store.control.wal import Wal
from tests.lab.disks import fill, small_disk

from .kit import Ledger

MIB = 1024 * 1024


def wal_of(ledger: Ledger) -> int:
    return (ledger.folder / "registry.db-wal").stat().st_size


async def test_a_few_large_items_are_folded_back_too(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    """It grew to 664 MB: only items were counted, and 2,000 of a megabyte are many."""
    monkeypatch.setattr(wal, "CHECKPOINT_BYTES", 2 * MIB)
    monkeypatch.setattr(wal, "TRUNCATE_BYTES", 4 * MIB)
    most = 0
    for _ in range(24):
        await ledger.submit(payload=b'"' + b"x" * MIB + b'"')
        most = max(most, wal_of(ledger))
    assert 2 * MIB < most < 8 * MIB


@pytest.mark.root
async def test_it_stays_foldable_on_a_disk_that_fills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wal, "CHECKPOINT_BYTES", MIB)
    monkeypatch.setattr(wal, "TRUNCATE_BYTES", 2 * MIB)
    with small_disk(tmp_path / "small", 28 * MIB) as disk:
        (disk / "other").write_bytes(bytes(4 * MIB))
        async with Ledger(disk / "registry") as ledger:
            kept = []
            with pytest.raises(DiskFull) as full:
                for _ in range(30):
                    kept.append(await ledger.submit(payload=b'"' + b"x" * MIB + b'"'))  # noqa: PERF401 - it ends by an error
            assert not full.value.retryable and len(kept) > 10
            assert wal_of(ledger) < 6 * MIB
            filler = fill(disk)
            with pytest.raises(DiskFull):
                await ledger.submit(payload=b'"' + b"x" * MIB + b'"')
            filler.unlink()
            (disk / "other").unlink()
            for id in kept:
                assert await ledger.state(id) == "pending"
            await ledger.submit()


def test_what_could_not_be_folded_back_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wal, "CHECKPOINT_ITEMS", 3)

    class Full:
        def execute(self, sql: str) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    log = Wal(Full(), tmp_path / "x.db")  # type: ignore[arg-type]
    log.grew(2, 10)
    assert not log.due()
    log.grew(1, 10)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            log.fold()
        assert log.due()
