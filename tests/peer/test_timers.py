"""Timers and the sleep on their clock."""

from __future__ import annotations

from chatixia.peer.timers import LoopTimers, sleep
from chatixia.testing.clock import FakeWorld


async def test_sleep_is_of_the_timers_clock():
    world = FakeWorld()
    began = world.now
    await sleep(world, 1000)
    assert world.now >= began + 1000
    world.stop()


async def test_sleep_on_the_loop():
    await sleep(LoopTimers(), 0.0)
