"""Who waits is woken, has a bound, and is answered when all ends."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.errors import Overloaded, Unavailable
from chatixia.registry.waiters import Waiters
from tests.until import until


class Door:
    """What is read: shut until it is opened."""

    def __init__(self, waiters: Waiters) -> None:
        self.waiters, self.open, self.reads = waiters, False, 0

    async def read(self) -> bool:
        self.reads += 1
        return self.open

    async def wait(self, key: str = "a", seconds: float = 60) -> bool:
        return await self.waiters.read(key, seconds, self.read, lambda is_open: not is_open)


async def test_a_change_wakes_those_of_its_key():
    waiters = Waiters()
    door = Door(waiters)
    both = [asyncio.create_task(door.wait(key)) for key in ("a", "b")]
    await until(lambda: len(waiters) == 2)
    door.open = True
    waiters.wake("a")
    assert await asyncio.wait_for(both[0], 10)
    assert len(waiters) == 1 and not both[1].done()
    waiters.wake("b")
    assert await asyncio.wait_for(both[1], 10)
    assert len(waiters) == 0


async def test_a_change_while_it_is_read_is_not_missed():
    waiters = Waiters()
    found = ["old"]

    async def read() -> str:
        before, found[0] = found[0], "new"
        waiters.wake("a")
        return before

    reading = waiters.read("a", 60, read, lambda text: text == "old")
    assert await asyncio.wait_for(reading, 10) == "new"


async def test_the_time_ends_a_wait():
    waiters = Waiters()
    door = Door(waiters)
    assert not await asyncio.wait_for(door.wait(seconds=0.01), 10)
    assert len(waiters) == 0 and door.reads == 2


async def test_what_need_not_wait_is_read_once():
    door = Door(Waiters(0))
    assert not await door.wait(seconds=0) and door.reads == 1
    door = Door(Waiters())
    door.open = True
    assert await door.wait() and door.reads == 1 and len(door.waiters) == 0


async def test_there_is_a_bound():
    waiters = Waiters(1)
    first = asyncio.create_task(Door(waiters).wait())
    await until(lambda: len(waiters) == 1)
    with pytest.raises(Overloaded):
        await Door(waiters).wait("b")
    waiters.wake("a")
    await first


async def test_all_are_answered_at_the_end():
    waiters = Waiters()
    waiting = asyncio.create_task(Door(waiters).wait())
    await until(lambda: len(waiters) == 1)
    waiters.close()
    with pytest.raises(Unavailable, match="is stopping"):
        await asyncio.wait_for(waiting, 10)
    with pytest.raises(Unavailable):
        await Door(waiters).wait()
