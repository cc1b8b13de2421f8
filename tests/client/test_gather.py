"""Many at once, bounded, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from chatixia.client.gather import gather
from chatixia.errors import BadArguments


async def test_order_and_bound():
    running = most = 0

    async def one(n: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(20 - n):
            await asyncio.sleep(0)
        running -= 1
        return n

    assert await gather((one(n) for n in range(20)), limit=4) == list(range(20))
    assert most == 4


async def test_a_generator_is_advanced_only_when_there_is_room():
    asked = 0

    async def blocked(gate: asyncio.Event) -> None:
        await gate.wait()

    def work(gate: asyncio.Event) -> Iterator[object]:
        nonlocal asked
        for _ in range(100):
            asked += 1
            yield blocked(gate)

    gate = asyncio.Event()
    task = asyncio.ensure_future(gather(work(gate), limit=3))  # type: ignore[arg-type]
    for _ in range(10):
        await asyncio.sleep(0)
    assert asked == 3
    gate.set()
    assert len(await task) == 100


@pytest.mark.parametrize("form", [list, iter])
async def test_the_first_error_cancels_the_rest(form):
    cancelled: list[int] = []

    async def waits(n: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(n)
            raise

    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    work = [waits(0), waits(1), fails(), waits(3)]
    with pytest.raises(KeyError):
        await gather(form(work), limit=3)
    assert sorted(cancelled) == [0, 1]
    work[3].close()


async def test_errors_in_their_place():
    async def one(n: int) -> int:
        if n % 2:
            raise KeyError(n)
        return n

    found = await gather((one(n) for n in range(4)), limit=2, return_exceptions=True)
    assert [type(f) for f in found] == [int, KeyError, int, KeyError]


async def test_limits():
    assert await gather([], limit=1) == []
    with pytest.raises(BadArguments):
        await gather([], limit=0)
