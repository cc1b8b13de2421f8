"""Progress is told at once, then the newest of it five times a second."""

from chatixia.peer.sessions.steps import ProgressPacer
from chatixia.testing.clock import FakeWorld


async def test_the_first_step_goes_at_once_and_the_newest_follows():
    world, told = FakeWorld(), []
    steps = ProgressPacer(world, world, lambda *step: told.append(step))
    for n in range(1000):
        steps.step(n / 1000, f"step {n}")
    assert told == [(0.0, "step 0")]
    world.advance(0.2)
    assert told == [(0.0, "step 0"), (0.999, "step 999")]
    for _ in range(1000):
        steps.step(1.0, "done")  # also what is as far as it can be
    assert len(told) == 2
    world.advance(0.2)
    assert told[2:] == [(1.0, "done")]
    world.advance(1.0)
    steps.step(1.0, "again")
    assert told[3:] == [(1.0, "again")]
    world.stop()


async def test_after_the_end_nothing_is_told():
    world, told = FakeWorld(), []
    steps = ProgressPacer(world, world, lambda *step: told.append(step))
    steps.step(0.1, "")
    steps.step(0.2, "")
    steps.end()
    world.advance(1.0)
    assert told == [(0.1, "")]
    world.stop()
