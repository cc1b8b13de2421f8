"""The fake clock: it jumps when everybody waits."""

import asyncio

from chatixia.testing.clock import Dice, FakeWorld


def test_chance_comes_from_the_seed():
    rolls = [[Dice(seed).roll() for _ in range(3)] for seed in (1, 1, 2)]
    assert rolls[0] == rolls[1] != rolls[2]
    dice = Dice(3)
    assert {dice.below(4) for _ in range(100)} == {0, 1, 2, 3}
    assert len(dice.bytes(100)) == 100


async def test_time_jumps_to_the_next_moment_when_everybody_waits():
    world, seen = FakeWorld(), asyncio.Event()
    start = world.monotonic()
    world.later(3600.0, seen.set)
    world.later(60.0, lambda: None).cancel()
    await seen.wait()
    assert world.monotonic() == start + 3600
    world.stop()


async def test_time_stands_still_when_nobody_waits():
    world, fired = FakeWorld(), []
    world.waiting = lambda: 0
    world.later(1.0, lambda: fired.append(1))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not fired
    world.advance(1.0)
    assert fired
    world.stop()


async def test_work_that_runs_takes_its_real_time_before_a_deadline():
    world, over = FakeWorld(), asyncio.Event()
    world.working = lambda: 1
    world.later(0.05, over.set, work=True)
    started = asyncio.get_running_loop().time()
    await over.wait()
    assert asyncio.get_running_loop().time() - started >= 0.04
    world.stop()


def test_its_clocks_agree():
    world = FakeWorld(start=5.0)
    assert world.monotonic() == world.boottime() == 5.0
    assert world.wall() > 1e9
    assert world.token(4) != world.token(4)
    assert 0 <= world.jitter() < 1
