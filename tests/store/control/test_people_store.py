"""People and sessions in pages; a session's use is noted once a minute."""

from pathlib import Path

import pytest

from chatixia.store.control.rows import SessionRow

from .kit import Ledger


@pytest.fixture
async def ledger(tmp_path: Path):
    async with Ledger(tmp_path / "registry") as made:
        for n in range(3):
            await made.store.people.add(f"hub~p{n}", "viewer", bytes([n]) * 32, 60.0)
        yield made


def session(n: int, person: str) -> SessionRow:
    return SessionRow(bytes([n]) * 32, person, "", "default", 3600.0, f"s{n}", b"", "link")


async def test_people_and_sessions_are_paged(ledger: Ledger):
    store = ledger.store.people
    for n in range(6):
        await store.open(session(n, f"hub~p{n % 3}"))
    assert [row.id for row in await store.page(limit=2)] == ["hub~p0", "hub~p1"]
    assert [(row.id, row.sessions) for row in await store.page("hub~p1")] == [("hub~p2", 2)]
    assert [row.id for row in await store.sessions(limit=4)] == ["s0", "s1", "s2", "s3"]
    assert [row.id for row in await store.sessions(after="s3")] == ["s4", "s5"]
    assert [row.id for row in await store.sessions("hub~p1")] == ["s1", "s4"]


async def test_a_session_is_touched_once_a_minute(ledger: Ledger):
    store = ledger.store.people
    row = await store.open(session(1, "hub~p1"))
    for seconds in (59, 2, 30):
        ledger.world.advance(seconds)
        await store.touch(row)
    [now] = await store.sessions()
    assert now.last_used == row.created + 61
