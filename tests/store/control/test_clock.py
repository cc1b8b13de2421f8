"""Store time never steps back, whatever the wall does; free room is judged by a floor."""

from pathlib import Path

import pytest

from chatixia.store.control.clock import DiskFloor, DiskRoom, StoreClock, sync_folder

from . import kit

HOUR, YEARS = 3600.0, 10 * 365.25 * 86400.0


@pytest.mark.parametrize("step", [HOUR, -HOUR, YEARS, -YEARS])
def test_the_wall_may_step_while_we_run(step: float):
    world = kit.Clock()
    clock = StoreClock(world, 0.0)
    before = clock.now()
    world.wall_now += step
    assert clock.now() == before
    world.mono_now += 5
    assert clock.now() == before + 5


@pytest.mark.parametrize("step", [HOUR, -HOUR, YEARS, -YEARS])
def test_the_wall_may_step_between_two_lives(step: float):
    world = kit.Clock()
    mark = StoreClock(world, 0.0).now()
    world.wall_now += step
    world.mono_now = 1.0  # another process
    assert StoreClock(world, mark).now() == mark + max(step, 0.0)


def test_room_is_looked_at_twice_a_second(tmp_path: Path):
    world = kit.Clock()
    disk = DiskRoom(tmp_path, world, DiskFloor(1 << 60, 0.0))
    assert disk.free() > 0
    assert disk.low()
    disk.floor = DiskFloor(0, 0.0)
    assert disk.low()  # not looked again
    world.advance(1.0)
    assert not disk.low()


def test_the_floor_is_the_larger_of_bytes_and_share(tmp_path: Path):
    world = kit.Clock()
    assert DiskRoom(tmp_path, world, DiskFloor(0, 1.0)).low()
    assert not DiskRoom(tmp_path, world, DiskFloor(1, 0.0)).low()


def test_a_folder_is_synced(tmp_path: Path):
    sync_folder(tmp_path)
