"""Background tasks: kept while they run, cancelled and awaited at the end."""

import asyncio

from chatixia.peer.calls import EAGER
from chatixia.peer.channel import LoopTimers
from chatixia.peer.chores import Chores
from chatixia.testing.clock import FakeWorld


async def test_an_eager_one_runs_at_once_and_all_end_with_the_stop():
    chores, ended = Chores(LoopTimers()), []

    async def hang(name):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def quick():
        ended.append("quick")

    chores.spawn(hang("a"))
    task = chores.eager(hang("b"))
    soon = chores.eager(quick())
    assert soon.done() == bool(EAGER)  # Python 3.11 begins it with the next turn
    await soon
    assert ended == ["quick"]
    await asyncio.sleep(0)
    await chores.stop()
    assert sorted(ended) == ["a", "b", "quick"] and task.cancelled()


async def test_sleep_is_of_the_timers_clock():
    world = FakeWorld()
    began = world.now
    await Chores(world).sleep(1000)
    assert world.now >= began + 1000
    world.stop()
