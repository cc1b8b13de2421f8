"""Artifacts by name: fetched once, released once, the oldest first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.errors import DeadlineExceeded, NotFound
from chatixia.sidecar import references
from chatixia.sidecar.references import ReferenceTable
from tests.sidecar.rig import FlatFolder
from tests.sidecar.test_answers import Feed


async def test_a_file_is_brought_once_and_goes_with_its_name(tmp_path: Path):
    folder, feed = FlatFolder(tmp_path), Feed()
    table = ReferenceTable(folder)
    [file] = table.name([feed])
    path = await table.fetch(file.ref, 5)
    assert await table.fetch(file.ref, 5) == path and Path(path).read_bytes() == b"abc"
    table.release(file.ref)
    table.release(file.ref)
    assert (feed.released, folder.removed) == (1, [path])
    with pytest.raises(NotFound):
        await table.fetch(file.ref, 5)


async def test_only_so_many_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(references, "MAX_REFERENCES", 2)
    table, feeds = ReferenceTable(FlatFolder(tmp_path)), [Feed() for _ in range(3)]
    table.name(feeds)
    assert [feed.released for feed in feeds] == [1, 0, 0]
    table.close()
    assert [feed.released for feed in feeds] == [1, 1, 1]


async def test_one_that_does_not_come_ends_in_time(tmp_path: Path):
    class Stuck(FlatFolder):
        async def save(self, feed: object) -> str:
            await asyncio.Event().wait()
            return ""

    table = ReferenceTable(Stuck(tmp_path))
    [file] = table.name([Feed()])
    with pytest.raises(DeadlineExceeded):
        await table.fetch(file.ref, 0.01)
