"""Codes that are good once, wrong ones that are counted, and machines that wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.core.pairing import MOST_CODES, MOST_PENDING, MOST_WRONG
from chatixia.errors import Conflict, NameTaken, NotFound, Overloaded
from chatixia.store.control import pairing
from chatixia.store.control.rows import KeyRow, MemberRow, PairingRow
from chatixia.store.control.tx import Transaction

from .kit import Clock, Ledger

CODE, WRONG = b"c" * 32, b"w" * 32
PENDING = "pending_approval"


def row(name: str = "pi", key: str = "") -> PairingRow:
    key = key or name
    raw = key.ljust(32).encode()
    return PairingRow(0, f"id-{key}", "default", name, raw, raw, PENDING, 0, 0, "h", "1.2.3.4", "")


def member(name: str = "pi", kind: str = "machine", serial: int = 1) -> MemberRow:
    return MemberRow("default", name, kind, serial, "k", b"[1]")


async def test_a_code_is_good_once(ledger: Ledger):
    codes = ledger.store.pairings
    assert await codes.put_code("default", "admin", CODE)
    assert not await codes.put_code("default", "admin", CODE)
    used = await codes.begin(CODE, row())
    assert used.row is not None and (used.row.name, used.row.inviter) == ("pi", "admin")
    assert (await codes.begin(CODE, row("other"))).row is None
    assert [each.name for each in await codes.page("default", PENDING)] == ["pi"]


async def test_of_several_at_once_one_gets_it(ledger: Ledger):
    codes = ledger.store.pairings
    await codes.put_code("default", "admin", CODE)
    uses = await asyncio.gather(*(codes.begin(CODE, row(f"m{n}")) for n in range(4)))
    assert sum(used.row is not None for used in uses) == 1


async def test_a_code_ends_after_five_minutes(ledger: Ledger):
    codes = ledger.store.pairings
    await codes.put_code("default", "admin", CODE)
    ledger.world.advance(301)
    assert (await codes.begin(CODE, row())).row is None


async def test_codes_have_a_bound_and_what_ended_frees_it(ledger: Ledger):
    codes = ledger.store.pairings
    for n in range(MOST_CODES):
        assert await codes.put_code("default", "admin", bytes([n]) * 32)
    with pytest.raises(Overloaded):
        await codes.put_code("default", "admin", CODE)
    ledger.world.advance(301)
    assert await codes.put_code("default", "admin", CODE)


async def test_wrong_codes_have_one_budget_and_then_a_right_one_is_not_taken(tmp_path: Path):
    world = Clock()
    async with Ledger(tmp_path, world) as ledger:
        codes = ledger.store.pairings
        for n in range(MOST_WRONG):
            used = await codes.begin(WRONG, row(f"m{n}"))
            assert used.row is None and used.rest == (n == MOST_WRONG - 1)
            world.advance(1)
        await codes.put_code("default", "admin", CODE)
        with pytest.raises(Overloaded, match="join strings work"):
            await codes.begin(CODE, row())
    async with Ledger(tmp_path, world) as ledger:  # a restart forgets none
        codes = ledger.store.pairings
        until = await codes.resting()
        assert 0 < until - ledger.store.now() <= 300
        with pytest.raises(Overloaded) as refused:
            await codes.begin(CODE, row())
        assert refused.value.retry_after == pytest.approx(until - ledger.store.now())
        world.advance(until - ledger.store.now() + 0.1)
        assert await codes.resting() == 0.0
        await codes.put_code("default", "admin", CODE)
        assert (await codes.begin(CODE, row())).row is not None


async def test_who_asked_already_goes_on_without_a_code(ledger: Ledger):
    codes = ledger.store.pairings
    await codes.put_code("default", "admin", CODE)
    first = (await codes.begin(CODE, row())).row
    for _ in range(MOST_WRONG):
        await codes.begin(WRONG, row("guess"))
    assert first is not None and (await codes.begin(WRONG, row())).row == first
    done = await codes.approve(first.id, member())
    assert (await codes.begin(WRONG, row())).row == done


async def test_names_that_are_taken_leave_the_code_good(ledger: Ledger):
    store = ledger.store
    await store.keys.put(KeyRow("id1", "default", "curl", b"h" * 32))
    await store.members.put(member("weather", "agent"))
    await store.pairings.put_code("default", "admin", b"1" * 32)
    await store.pairings.begin(b"1" * 32, row("waits"))
    await store.pairings.put_code("default", "admin", CODE)
    for name in ("curl", "weather", "waits"):
        with pytest.raises(NameTaken):
            await store.pairings.begin(CODE, row(name, f"other {name}"))
    await store.members.put(member("old"))
    assert (await store.pairings.begin(CODE, row("old"))).row is not None


async def test_it_waits_an_hour_and_its_row_goes_a_day_later(ledger: Ledger):
    codes = ledger.store.pairings
    await codes.put_code("default", "admin", CODE)
    await codes.begin(CODE, row())
    ledger.world.advance(3601)
    assert await codes.page("default", PENDING) == []
    assert (await codes.get("id-pi")).standing(ledger.store.now()) == "expired"
    with pytest.raises(Conflict, match="expired"):
        await codes.approve("id-pi", member())
    await ledger.store.upkeep.tidy()
    assert [each.id for each in await codes.page("default", "expired")] == ["id-pi"]
    ledger.world.advance(86_400)
    await ledger.store.upkeep.tidy()
    with pytest.raises(NotFound):
        await codes.get("id-pi")


async def test_approving_and_rejecting_happen_once(ledger: Ledger):
    store, codes = ledger.store, ledger.store.pairings
    for name, code in (("a", b"1" * 32), ("b", b"2" * 32)):
        await codes.put_code("default", "admin", code)
        await codes.begin(code, row(name))
    done = await codes.approve("id-a", member("a"))
    assert (done.state, done.chain) == ("approved", b"[1]")
    listed = (await store.members.get("default", "a")).member
    assert listed is not None and listed.hostname == "h"
    assert (await codes.reject("id-b")).state == "rejected"
    for act in (codes.approve("id-b", member("b")), codes.reject("id-a")):
        with pytest.raises(Conflict):
            await act
    assert (await store.members.get("default", "b")).member is None
    with pytest.raises(NotFound):
        await codes.reject("nobody")


async def test_a_thousand_wait_in_pages(ledger: Ledger):
    store, codes = ledger.store, ledger.store.pairings

    def fill(tx: Transaction) -> None:
        for n in range(MOST_PENDING):
            pairing.put_code(tx, "default", "admin", CODE)
            assert pairing.begin(tx, CODE, row(f"m{n}")).row is not None

    await store.access.write(fill)
    await codes.put_code("default", "admin", CODE)
    with pytest.raises(Overloaded):
        await codes.begin(CODE, row("one-more"))
    found: list[str] = []
    after = 0
    while page := await codes.page("default", PENDING, "", after, 200):
        found += [each.name for each in page]
        after = page[-1].n
    assert found == [f"m{n}" for n in range(MOST_PENDING)]
    assert [each.name for each in await codes.page("default", PENDING, "m7")] == ["m7"]
