"""Bounds of what is taken, and what lists show to whom."""

from pathlib import Path
from typing import Any

import pytest

from chatixia.core.ports import Principal
from chatixia.errors import DiskFull, NotFound
from chatixia.ids import AgentId
from chatixia.store.control import task_store
from chatixia.store.control.clock import DiskFloor
from chatixia.wire import tasks as t

from .kit import ALICE, BOB, CAROL, OWNER, Ledger, client, task_id


async def test_below_the_floor_submits_are_refused_and_the_rest_goes_on(tmp_path: Path):
    async with Ledger(tmp_path) as ledger:
        name, other = await ledger.submit(), await ledger.submit()
        [grant] = await ledger.claim()
        ledger.store.resources.disk.floor = DiskFloor(1 << 60, 1.0)
        ledger.world.advance(1.0)
        with pytest.raises(DiskFull) as full:
            await ledger.submit()
        assert full.value.outcome == "definite"
        assert full.value.status == 503
        await ledger.store.leases.complete(BOB, name, grant.fence, b"1")
        await ledger.store.tasks.cancel(ALICE, other)
        await ledger.store.upkeep.tidy()
        ledger.store.resources.disk.floor = DiskFloor(0, 0.0)
        ledger.world.advance(1.0)
        await ledger.submit()


async def test_pages_go_from_the_newest_to_the_oldest(ledger: Ledger):
    names = [await ledger.submit() for _ in range(7)]
    seen, cursor = [], ""
    while True:
        page = await ledger.store.tasks.page(OWNER, t.Query(cursor=cursor, limit=3), True)
        seen += [task.id for task in page.tasks]
        cursor = page.next
        if not cursor:
            break
    assert seen == names[::-1]
    assert page.counts == {"pending": 7}


async def test_a_task_is_found_by_the_beginning_of_its_id(ledger: Ledger, monkeypatch: Any):
    """Also where more than a page's worth was looked through before it."""
    old = await ledger.submit(id="t_" + "b" * 26)
    for letter in "cd":
        await ledger.submit(id=f"t_b{letter}" + "a" * 24)
    monkeypatch.setattr(task_store, "SCAN", 1)

    async def begins(text: str, limit: int = 50, cursor: str = "") -> tuple[list[str], str]:
        query = t.Query(id=text, limit=limit, cursor=cursor)
        page = await ledger.store.tasks.page(OWNER, query, True)
        return [task.id[:4] for task in page.tasks], page.next

    assert await begins(old[:4]) == (["t_bb"], "")
    assert await begins("t_b") == (["t_bd", "t_bc", "t_bb"], "")
    assert await begins("t_c") == ([], "")
    shown, further = await begins("t_b", 2)
    assert (shown, await begins("t_b", 2, further)) == (["t_bd", "t_bc"], (["t_bb"], ""))
    page = await ledger.store.tasks.page(CAROL, t.Query(id=old), False)
    assert page.tasks == []


async def test_filters(ledger: Ledger):
    one, two = await ledger.submit("a"), await ledger.submit("b", target="bob")
    await ledger.store.tasks.cancel(ALICE, one)

    async def found(**more: str) -> list[str]:
        page = await ledger.store.tasks.page(OWNER, t.Query(**more), True)  # type: ignore[arg-type]
        return [task.id for task in page.tasks]

    assert await found(state="canceled") == await found(skill="a") == [one]
    assert await found(agent="bob") == [two]
    assert await found(agent="alice") == [two, one]
    assert await found(state="completed") == []


async def test_a_list_shows_what_concerns_the_asker(ledger: Ledger):
    mine = await ledger.submit(who=client("pi~aaaaaa"))
    other = await ledger.submit(who=CAROL, target="bob")

    async def seen(who: Principal) -> list[str]:
        return [task.id for task in (await ledger.store.tasks.page(who, t.Query(), False)).tasks]

    assert await seen(client("pi~bbbbbb")) == [mine]
    assert await seen(client("lab~aaaaaa")) == []
    assert await seen(CAROL) == await seen(BOB) == [other]
    assert await seen(Principal(AgentId("bob"), "agent", ns="other")) == []


async def test_a_filtered_list_of_many_looks_at_a_bounded_part(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(task_store, "SCAN", 5)
    rare = await ledger.submit("rare")
    for _ in range(12):
        await ledger.submit()
    pages, cursor, seen = 0, "", []
    while True:
        page = await ledger.store.tasks.page(OWNER, t.Query(skill="rare", cursor=cursor), True)
        pages, cursor = pages + 1, page.next
        seen += [task.id for task in page.tasks]
        if not cursor:
            break
    assert seen == [rare]
    assert pages == 3


async def test_what_is_held_can_be_asked(ledger: Ledger):
    name = await ledger.submit()
    assert await ledger.store.leases.leased() == []
    await ledger.claim()
    assert [(row.id, row.worker) for row in await ledger.store.leases.leased()] == [(name, "bob")]
    with pytest.raises(NotFound):
        await ledger.store.tasks.get("default", task_id(99))


async def test_no_reply_before_the_commit(ledger: Ledger):
    """Whatever was answered is in another connection's sight at that moment."""
    import sqlite3

    other = sqlite3.connect(ledger.folder / "registry.db")
    for n in range(20):
        name = await ledger.submit()
        assert other.execute("SELECT state FROM tasks WHERE id = ?", (name,)).fetchone(), n
    other.close()
