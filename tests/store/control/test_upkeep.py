"""Upkeep writes only where there is something to do."""

from .kit import ALICE, Ledger


async def test_something_is_due_while_a_task_lives(ledger: Ledger):
    upkeep = ledger.store.upkeep
    assert upkeep.next_due() is None
    name = await ledger.submit(ttl=60.0)
    due = upkeep.next_due()
    assert due is not None and due <= ledger.store.now() + 60.0
    await ledger.store.tasks.cancel(ALICE, name)
    await ledger.settle(61.0)
    assert upkeep.next_due() is None


async def test_nothing_is_written_to_make_room_while_there_is_some(ledger: Ledger):
    await ledger.submit()
    before = ledger.store.commits()
    assert await ledger.store.upkeep.trim() == 0
    assert ledger.store.commits() == before
