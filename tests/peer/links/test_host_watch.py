"""A host that slept, and one that has other addresses."""

from __future__ import annotations

from chatixia.peer.links.host_watch import CALM_SECONDS, LOOK_SECONDS, SLEPT_SECONDS, HostWatch
from chatixia.testing.clock import FakeWorld


class SleepyWorld(FakeWorld):
    """A host that may sleep."""

    slept = 0.0

    def boottime(self) -> float:
        return self.now + self.slept


def test_sleep_is_what_one_clock_runs_through_and_the_other_does_not():
    world = SleepyWorld()
    watch = HostWatch(world, frozenset)
    world.now += 100
    assert not watch.slept(world.now)
    world.slept += SLEPT_SECONDS - 0.5
    assert not watch.slept(world.now)
    world.slept += SLEPT_SECONDS
    assert watch.slept(world.now) and not watch.slept(world.now)


def test_a_change_of_addresses_is_seen_once_and_not_more_often_than_every_ten_seconds():
    world, here = FakeWorld(), ["10.0.0.1"]
    watch = HostWatch(world, lambda: frozenset(here))
    now = world.monotonic() + LOOK_SECONDS
    assert not watch.moved(now)
    here[:] = ["192.168.1.7"]
    assert not watch.moved(now + LOOK_SECONDS / 2), "it looks every so often"
    now += LOOK_SECONDS
    assert watch.moved(now)
    here[:] = ["10.0.0.1"]
    assert not watch.moved(now + CALM_SECONDS - 0.1)
    assert watch.moved(now + CALM_SECONDS)
    assert not watch.moved(now + 2 * CALM_SECONDS)
