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


async def test_whoever_ends_its_work_is_not_kept_waiting():
    world, over, working = FakeWorld(), asyncio.Event(), [1]
    world.working = lambda: working[0]
    world.later(3600.0, over.set, work=True)
    for _ in range(50):
        await asyncio.sleep(0)  # it waits for an hour by now
    assert not over.is_set()
    working.clear()
    working.append(0)
    world.stir()
    await asyncio.wait_for(over.wait(), 20)
    world.stop()


async def test_frames_come_while_a_skill_works_and_other_timers_wait():
    world, seen = FakeWorld(), []
    world.working = lambda: 1
    world.later(0.001, lambda: seen.append("timer"))
    arrived = asyncio.Event()
    world.later(0.5, arrived.set, frame=True)
    await asyncio.wait_for(arrived.wait(), 20)
    assert not seen
    world.stop()


async def test_the_clock_stands_while_something_is_written():
    world, over, writing = FakeWorld(), asyncio.Event(), [1]
    world.writing = lambda: writing[0]
    world.later(1.0, over.set)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not over.is_set()
    writing[0] = 0
    await asyncio.wait_for(over.wait(), 20)
    world.stop()


def test_its_clocks_agree():
    world = FakeWorld(start=5.0)
    assert world.monotonic() == world.boottime() == 5.0
    assert world.wall() > 1e9
    assert world.token(4) != world.token(4)
    assert 0 <= world.jitter() < 1
