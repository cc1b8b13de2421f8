"""Lines go with the act they tell of, are never changed, and leave from the oldest on."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chatixia.core.audit import AuditCheck, AuditKeep
from chatixia.errors import NotFound
from chatixia.store.control.audit import ACT, AuditEntry, acting, concerns
from chatixia.store.control.rows import KeyRow
from chatixia.wire.audit import AuditQuery

from .kit import Ledger

DAY = 86_400.0


@pytest.fixture
async def ledger(tmp_path: Path):
    async with Ledger(tmp_path / "registry") as made:
        yield made


def entry(target: str = "", **more: str) -> AuditEntry:
    return AuditEntry("hub~anna", "person", "keys.create", target, "10.0.0.7", **more)


def key(name: str) -> KeyRow:
    return KeyRow(name, "default", name, name.encode())


async def acts(ledger: Ledger, **query: object) -> list[str]:
    page = await ledger.store.audit.page(AuditQuery(**query))  # type: ignore[arg-type]
    return [line.target for line in page.lines]


async def test_a_line_stands_with_the_first_write_of_its_act_and_with_no_other(ledger: Ledger):
    with acting(entry()):
        concerns("one", detail="made")
        await ledger.store.keys.put(key("one"))
        await ledger.store.keys.put(key("two"))
    await ledger.store.keys.put(key("three"))
    page = await ledger.store.audit.page(AuditQuery())
    [line] = page.lines
    assert (line.n, line.actor, line.act, line.target) == (1, "hub~anna", "keys.create", "one")
    assert (line.origin, line.detail) == ("10.0.0.7", "made")
    assert line.at == round(ledger.store.now() * 1000) and page.head.hash == line.hash
    assert ACT.get() is None


async def test_an_act_that_failed_leaves_no_line_and_its_next_write_has_it(ledger: Ledger):
    with acting(entry("x")):
        with pytest.raises(NotFound):
            await ledger.store.keys.revoke("default", "nothing")
        assert await acts(ledger) == []
        await ledger.store.keys.put(key("one"))
    assert await acts(ledger) == ["x"]


async def test_acts_at_once_make_one_chain(ledger: Ledger):
    await asyncio.gather(*(ledger.store.audit.append(entry(f"t{n}")) for n in range(300)))
    page = await ledger.store.audit.page(AuditQuery(oldest=True, limit=1000))
    check = AuditCheck(page.floor)
    check.add(page.lines)
    check.end(page.head)
    assert (check.wrong, len(page.lines), page.more) == ("", 300, False)


async def test_long_words_are_cut_and_not_refused(ledger: Ledger):
    await ledger.store.audit.append(AuditEntry("w" * 999, "k" * 999, "a" * 999, "t" * 9999))
    [line] = (await ledger.store.audit.page(AuditQuery())).lines
    assert (len(line.actor), len(line.kind), len(line.target)) == (128, 64, 128)


async def test_lines_leave_by_age_and_by_number_and_the_chain_still_holds(ledger: Ledger):
    audit = ledger.store.audit
    audit.keep = AuditKeep(days=10, lines=1000)
    await audit.append(entry("old"))
    ledger.world.advance(11 * DAY)
    await asyncio.gather(*(audit.append(entry(f"t{n}")) for n in range(1003)))
    while await ledger.store.upkeep.tidy():
        pass
    page = await audit.page(AuditQuery(oldest=True, limit=1000))
    assert (page.floor.n, page.lines[0].n, page.head.n) == (4, 5, 1004)
    check = AuditCheck(page.floor)
    check.add(page.lines)
    check.end(page.head)
    assert check.wrong == ""


async def test_the_database_itself_changes_and_takes_out_no_line(ledger: Ledger):
    await ledger.store.audit.append(entry("one"))
    await ledger.store.audit.append(entry("two"))
    with closing(sqlite3.connect(ledger.folder / "registry.db")) as db:
        for sql in (
            "UPDATE audit SET actor = 'x'",
            "DELETE FROM audit",
            "DELETE FROM audit WHERE n=2",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                db.execute(sql)
