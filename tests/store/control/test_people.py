"""Links are used once, sessions are bounded, whoever is removed has none."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from chatixia.errors import MeshError, NameTaken, NotFound, Overloaded, Unauthorized
from chatixia.store.control import people
from chatixia.store.control.rows import SessionRow

from .kit import Ledger

ANNA = "hub~anna"


@pytest.fixture
async def ledger(tmp_path: Path):
    async with Ledger(tmp_path / "registry") as made:
        await made.store.people.add(ANNA, "operator", b"l" * 32, 600.0)
        yield made


def session(n: int, person: str = ANNA, seconds: float = 3600.0) -> SessionRow:
    digest = n.to_bytes(4, "big") * 8
    return SessionRow(digest, person, "", "default", seconds, f"s{n}", digest, "link")


async def test_a_login_link_is_used_once(ledger: Ledger):
    store = ledger.store.people
    tries = [store.redeem(b"l" * 32, session(n)) for n in range(4)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(a, Unauthorized) for a in answers) == 3
    [row] = [a for a in answers if not isinstance(a, MeshError)]
    assert await store.session(row.digest) == row and row.role == "operator"  # type: ignore[union-attr]
    assert await store.end(row.id) == ANNA  # type: ignore[union-attr]
    assert await store.session(row.digest) is None  # type: ignore[union-attr]


async def test_a_late_login_link_and_an_old_session_are_nothing(ledger: Ledger):
    store = ledger.store.people
    await store.put_link(b"m" * 32, ANNA, 600.0)
    await store.redeem(b"m" * 32, session(1, seconds=300.0))
    ledger.world.advance(601)
    with pytest.raises(Unauthorized):
        await store.redeem(b"l" * 32, session(2))
    assert await store.session(session(1).digest) is None
    assert await store.person_of(b"l" * 32) == ""


async def test_the_owners_person_is_made_by_its_link_and_an_admin_ever_after(ledger: Ledger):
    store = ledger.store.people
    await store.put_owner_link(b"o" * 32, "hub~admin", 600.0)
    await store.set_role("hub~admin", "viewer")
    await store.put_owner_link(b"p" * 32, "hub~admin", 600.0)
    assert (await store.redeem(b"p" * 32, session(1))).role == "admin"


async def test_whoever_is_removed_has_no_session_and_no_link(ledger: Ledger):
    store = ledger.store.people
    await store.open(session(1))
    await store.remove(ANNA)
    assert await store.session(session(1).digest) is None
    for wrong in (store.redeem(b"l" * 32, session(2)), store.open(session(3))):
        with pytest.raises(Unauthorized):
            await wrong
    for missing in (store.remove(ANNA), store.set_role(ANNA, "admin"), store.end("s1")):
        with pytest.raises(NotFound):
            await missing


async def test_another_role_is_that_of_the_living_sessions(ledger: Ledger):
    store = ledger.store.people
    await store.open(session(1))
    await store.set_role(ANNA, "viewer")
    row = await store.session(session(1).digest)
    assert row and row.role == "viewer"


async def test_a_new_password_ends_the_other_sessions(ledger: Ledger):
    store = ledger.store.people
    for n in range(3):
        await store.open(session(n))
    await store.set_password(ANNA, "hash", "s1")
    assert [row.id for row in await store.sessions(ANNA)] == ["s1"]
    await store.renew_hash(ANNA, "hash of today")
    assert len(await store.sessions(ANNA)) == 1
    person = await store.get(ANNA)
    assert person and person.password == "hash of today"


async def test_sessions_are_bounded_for_a_person_and_for_all(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(people, "PERSON_SESSIONS", 3)
    monkeypatch.setattr(people, "MOST_SESSIONS", 5)
    store = ledger.store.people
    for n in range(5):
        ledger.world.advance(1)
        await store.open(session(n))
    assert [row.id for row in await store.sessions(ANNA)] == ["s2", "s3", "s4"]
    for n in range(10, 14):
        ledger.world.advance(1)
        await store.add(f"hub~p{n}", "viewer", n.to_bytes(2, "big") * 16, 60.0)
        await store.open(session(n, f"hub~p{n}"))
    assert len(await store.sessions()) == 5


async def test_people_are_bounded_and_their_names_are_their_own(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    store = ledger.store.people
    with pytest.raises(NameTaken):
        await store.add(ANNA, "admin", b"x" * 32, 60.0)
    monkeypatch.setattr(people, "MOST_PEOPLE", 1)
    with pytest.raises(Overloaded):
        await store.add("hub~bob", "admin", b"x" * 32, 60.0)


async def test_whom_a_provider_names_is_made_once_and_takes_nobodys_place(ledger: Ledger):
    store = ledger.store.people
    assert await store.subject("https://id|1", "hub~bob", "viewer") == "hub~bob"
    assert await store.subject("https://id|1", "hub~other", "admin") == "hub~bob"
    with pytest.raises(NameTaken):
        await store.subject("https://id|2", ANNA, "viewer")
    assert replace((await store.page())[1], created=0.0).subject == "https://id|1"
