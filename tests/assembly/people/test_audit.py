"""The owner reads the log, follows it, and notices what somebody did to it on the disk."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.people import audit as reading
from chatixia.assembly.people.audit import AuditReader, AuditReport, exported
from chatixia.core.audit import AuditKeep, line_hash
from chatixia.errors import ConfigError
from chatixia.store.control.audit import AuditEntry, trim
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.audit import AuditLine, AuditPage, AuditQuery
from tests.until import until


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


async def act(registry: RegistryHarness, many: int = 1) -> None:
    for n in range(many):
        entry = AuditEntry("hub~anna", "person", "tasks.cancel", f"t_{n}", "10.0.0.7")
        await registry.running.service.audit.record(entry)


async def read(registry: RegistryHarness, work: Callable[[AuditReader], Any]) -> Any:
    def run() -> Any:
        with AuditReader(registry.profile) as reader:
            return work(reader)

    return await asyncio.to_thread(run)


async def check(registry: RegistryHarness) -> AuditReport:
    report: AuditReport = await read(registry, lambda reader: reader.check())
    return report


def spoil(registry: RegistryHarness, sql: str) -> None:
    """As whoever has the disk: past the triggers."""
    folder = registry.profile.folder / "registry"
    with closing(sqlite3.connect(folder / "registry.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER IF EXISTS audit_stands")
        db.execute("DROP TRIGGER IF EXISTS audit_stays")
        db.execute(sql)


async def test_the_newest_come_last_through_pages(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading, "PAGE", 3)
    await act(registry, 8)
    lines = await read(registry, lambda reader: reader.newest(AuditQuery(actor="hub~anna"), 7))
    assert [line.target for line in lines] == [f"t_{n}" for n in range(1, 8)]
    assert (await check(registry)).lines == 9


async def test_new_lines_are_followed(registry: RegistryHarness):
    def follow(reader: AuditReader) -> list[AuditLine]:
        return list(islice(reader.following(AuditQuery(), reader.head()), 2))

    following = asyncio.create_task(read(registry, follow))
    await until(lambda: len(registry.running.service.audit.waiters))  # it stands at the newest
    await act(registry, 2)
    assert [line.target for line in await following] == ["t_0", "t_1"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE audit SET actor = 'hub~eve' WHERE n = 3", "Line 3 was changed"),
        ("DELETE FROM audit WHERE n = 3", "Line 3 is missing"),
        ("DELETE FROM audit WHERE n > 3", "The newest line is 3, and should be 6"),
        ("DELETE FROM audit WHERE n < 3", "Line 1 is missing"),
    ],
)
async def test_a_removed_or_changed_line_is_noticed(registry: RegistryHarness, sql: str, said: str):
    await act(registry, 5)
    assert (await check(registry)).wrong == ""
    await asyncio.to_thread(spoil, registry, sql)
    assert said in (await check(registry)).wrong


async def test_a_log_written_anew_is_noticed_by_who_read_it_before(registry: RegistryHarness):
    await act(registry, 5)
    assert not (await check(registry)).wrong

    def forge() -> None:
        before = ""
        folder = registry.profile.folder / "registry"
        spoil(registry, "UPDATE audit SET actor = 'hub~eve' WHERE n > 1")
        with closing(sqlite3.connect(folder / "registry.db", isolation_level=None)) as db:
            for row in db.execute("SELECT * FROM audit ORDER BY n").fetchall():
                before = line_hash(before, AuditLine(*row))
                db.execute("UPDATE audit SET hash = ? WHERE n = ?", (before, row[0]))
            db.execute("UPDATE meta SET value = ? WHERE key = 'audit_head_hash'", (before,))

    await asyncio.to_thread(forge)
    assert (await check(registry)).wrong == "Line 6 is not the one that was seen before."
    (registry.profile.folder / "owner" / reading.ANCHOR).unlink()
    assert (await check(registry)).wrong == "", "who reads it for the first time cannot tell"


async def test_lines_that_are_dropped_while_the_log_is_read_are_not_missed(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    access, loop = registry.running.service.audit._store.audit._access, asyncio.get_running_loop()

    async def drop(lines: int) -> None:
        await access.write(lambda tx: trim(tx, AuditKeep(lines=lines), 100))

    def page(reader: AuditReader, query: AuditQuery) -> AuditPage:
        found = one_page(reader, query)
        asyncio.run_coroutine_threadsafe(drop(4), loop).result(10)
        return found

    one_page = AuditReader._page
    await act(registry, 8)
    await drop(6)
    monkeypatch.setattr(AuditReader, "_page", page)
    report = await check(registry)
    assert (report.wrong, report.lines, report.head.n) == ("", 6, 9)


async def test_all_of_it_is_exported_to_a_private_new_file(
    registry: RegistryHarness, tmp_path: Path
):
    await act(registry, 3)
    path = tmp_path / "audit.jsonl"
    report = await read(registry, lambda reader: exported(reader, path))
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    assert [row["n"] for row in rows] == [1, 2, 3, 4] and rows[-1]["hash"] == report.head.hash
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="cannot be written"):
        await read(registry, lambda reader: exported(reader, path))
