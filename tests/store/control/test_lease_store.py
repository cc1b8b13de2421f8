"""Tasks go to whoever has a seat, and what is held can be asked."""

from .kit import ALICE, BOB, Ledger, seat


async def test_new_seats_get_what_waits_with_the_next_group(ledger: Ledger):
    name = await ledger.submit()
    ledger.store.leases.seats([seat(BOB, "echo")])
    assert ledger.given() == []
    await ledger.store.leases.poke()
    assert [(given.row.id, given.row.worker) for given in ledger.given()] == [(name, "bob")]


async def test_what_is_held_is_listed_until_it_ends(ledger: Ledger):
    name = await ledger.submit()
    assert await ledger.store.leases.leased() == []
    await ledger.claim()
    assert [row.id for row in await ledger.store.leases.leased()] == [name]
    await ledger.store.tasks.cancel(ALICE, name)
    assert await ledger.store.leases.leased() == []
