"""Items on their way: one after the other, within credit, until they are stopped."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.errors import Overloaded, SkillFailed
from chatixia.sidecar.items import MAX_ITEMS, ItemFlow
from chatixia.wire.ipc import ITEM_COST, STREAM_WINDOW


async def test_each_waits_for_the_one_before():
    order: list[int] = []
    gate = asyncio.Event()

    def step(n: int):
        async def run() -> None:
            await gate.wait()
            order.append(n)

        return run

    flow = ItemFlow(lambda more: None, lambda error: None)
    for n in range(3):
        flow.put(10, step(n))
    flow.last(step(3))
    assert (flow.unread, order) == (30, [])
    gate.set()
    await asyncio.sleep(0)
    while flow.unread:
        await asyncio.sleep(0)
    assert order == [0, 1, 2, 3]


async def test_credit_comes_back_by_halves_and_more_is_refused():
    grants: list[int] = []

    async def step() -> None:
        return

    flow = ItemFlow(grants.append, lambda error: None)
    flow.put(STREAM_WINDOW, step)
    with pytest.raises(Overloaded):
        flow.put(1, step)
    while flow.unread:
        await asyncio.sleep(0)
    assert grants == [STREAM_WINDOW]
    for _ in range(MAX_ITEMS):
        flow.put(0, step)
    with pytest.raises(Overloaded):
        flow.put(0, step)
    flow.stop()


async def test_what_fails_ends_it():
    heard: list[Exception] = []

    async def fails() -> None:
        raise SkillFailed("gone")

    flow = ItemFlow(lambda more: None, heard.append)
    flow.put(1, fails)
    flow.put(1, fails)
    while not heard:
        await asyncio.sleep(0)
    assert len(heard) == 1


async def test_a_window_of_the_smallest_items_is_taken():
    gate = asyncio.Event()

    async def step() -> None:
        await gate.wait()

    flow, left = ItemFlow(lambda more: None, lambda error: None), STREAM_WINDOW
    while left > 0:
        flow.put(1 + ITEM_COST, step)
        left -= 1 + ITEM_COST
    with pytest.raises(Overloaded):
        flow.put(1 + ITEM_COST, step)
    flow.stop()
