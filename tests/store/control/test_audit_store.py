"""Pages go both ways and hold their filters; settings have their line; a listener hears each."""

from pathlib import Path

import pytest

from chatixia.store.control.audit import AuditEntry
from chatixia.store.control.audit_store import statement
from chatixia.wire.audit import AuditQuery

from .kit import Ledger


@pytest.fixture
async def ledger(tmp_path: Path):
    async with Ledger(tmp_path / "registry") as made:
        yield made


def entry(target: str) -> AuditEntry:
    return AuditEntry("hub~anna", "person", "keys.create", target, "10.0.0.7")


async def acts(ledger: Ledger, **query: object) -> list[str]:
    page = await ledger.store.audit.page(AuditQuery(**query))  # type: ignore[arg-type]
    return [line.target for line in page.lines]


async def test_pages_go_both_ways_and_filters_hold(ledger: Ledger):
    for n in range(7):
        await ledger.store.audit.append(entry(f"t{n}"))
    await ledger.store.audit.append(AuditEntry("admin", "owner", "revoke", "t3"))
    assert await acts(ledger, limit=3) == ["t3", "t6", "t5"]
    assert await acts(ledger, limit=3, n=6) == ["t4", "t3", "t2"]
    assert await acts(ledger, limit=3, n=2, oldest=True) == ["t2", "t3", "t4"]
    assert await acts(ledger, target="t3") == ["t3", "t3"]
    assert await acts(ledger, actor="admin") == ["t3"] == await acts(ledger, act="revoke")
    page = await ledger.store.audit.page(AuditQuery(limit=8))
    assert not page.more and page.head.n == 8


async def test_settings_are_kept_with_the_line_that_says_so(ledger: Ledger):
    assert await ledger.store.audit.settings() == {}
    await ledger.store.audit.put_settings({"port": 1}, AuditEntry("registry", "local", "settings"))
    assert await ledger.store.audit.settings() == {"port": 1}
    assert len(await acts(ledger)) == 1


async def test_a_listener_hears_each_line_once_it_is_on_disk(ledger: Ledger):
    heard: list[str] = []
    ledger.store.audit.listen(lambda line: heard.append(line.target))
    await ledger.store.audit.append(entry("one"))
    assert heard == ["one"]


@pytest.mark.parametrize("oldest", [True, False])
@pytest.mark.parametrize("name", ["actor", "act", "target"])
async def test_what_is_looked_for_is_found_by_an_index(ledger: Ledger, name: str, oldest: bool):
    sql = f"EXPLAIN QUERY PLAN {statement(oldest, (name,))}"
    values = {name: "x", "n": 7, "limit": 200}
    plan = await ledger.store.access.run(lambda db: db.execute(sql, values).fetchall())
    assert [f"USING INDEX audit_{name}" in row[3] for row in plan] == [True]
