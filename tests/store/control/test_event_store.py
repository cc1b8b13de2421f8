"""Stored events in order, from a cursor on."""

import pytest

from chatixia.errors import BadRequest, CursorExpired

from .kit import Ledger


async def test_events_come_after_their_cursor_in_order(ledger: Ledger):
    store = ledger.store
    start = await store.events.cursor()
    for n in range(5):
        await store.events.put("agent", f"a{n}", "joined", b'{"n":%d}' % n)
    events = await store.events.after(start, 3)
    assert [(e.id, e.body) for e in events] == [(f"a{n}", b'{"n":%d}' % n) for n in range(3)]
    more = await store.events.after(events[-1].cursor)
    assert [e.id for e in more] == ["a3", "a4"]
    assert more[-1].cursor == await store.events.cursor()
    assert await store.events.after(more[-1].cursor) == []
    assert [e.id for e in await store.events.after("")] == [f"a{n}" for n in range(5)]


async def test_a_cursor_of_another_generation_is_expired(ledger: Ledger):
    with pytest.raises(CursorExpired):
        await ledger.store.events.after(f"{ledger.store.generation - 1}.0")
    with pytest.raises(BadRequest):
        await ledger.store.events.after("what is this")
