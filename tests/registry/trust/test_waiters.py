"""Who waits is woken, has a bound, and is answered when all ends."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.errors import Overloaded, Unavailable
from chatixia.registry.trust.waiters import Waiters
from tests.until import until


async def test_a_change_wakes_those_of_its_key():
    waiters = Waiters()
    both = [asyncio.create_task(waiters.wait(key, 60)) for key in ("a", "b")]
    await until(lambda: len(waiters) == 2)
    waiters.wake("a")
    await asyncio.wait_for(both[0], 10)
    assert len(waiters) == 1 and not both[1].done()
    waiters.wake("b")
    await asyncio.wait_for(both[1], 10)
    assert len(waiters) == 0


async def test_the_time_ends_a_wait():
    waiters = Waiters()
    await asyncio.wait_for(waiters.wait("a", 0.01), 10)
    assert len(waiters) == 0


async def test_there_is_a_bound():
    waiters = Waiters(1)
    first = asyncio.create_task(waiters.wait("a", 60))
    await until(lambda: len(waiters) == 1)
    with pytest.raises(Overloaded):
        await waiters.wait("b", 60)
    waiters.wake("a")
    await first


async def test_all_are_answered_at_the_end():
    waiters = Waiters()
    waiting = asyncio.create_task(waiters.wait("a", 60))
    await until(lambda: len(waiters) == 1)
    waiters.close()
    with pytest.raises(Unavailable, match="is stopping"):
        await asyncio.wait_for(waiting, 10)
    with pytest.raises(Unavailable):
        await waiters.wait("a", 60)
