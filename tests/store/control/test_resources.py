"""Opening and closing: one registry at a time, full leases after a restart, nothing forgotten."""

from pathlib import Path

import pytest

from chatixia.errors import AlreadyRunning, StaleFence
from chatixia.store.control.store import Store
from chatixia.store.control.task_rows import TaskChanged, TaskSubmitted

from .kit import ALICE, BOB, CAROL, Clock, Ledger, seat


async def test_a_second_store_on_the_folder_is_refused(ledger: Ledger):
    with pytest.raises(AlreadyRunning):
        Store.open(ledger.folder, ledger.world)


async def test_what_was_there_is_there_after_a_restart(tmp_path: Path):
    world = Clock()
    async with Ledger(tmp_path, world) as first:
        held, waits, ended = [await first.submit() for _ in range(3)]
        grants = {g.task.id: g for g in await first.claim(limit=3)}
        await first.store.leases.release(BOB, waits, grants[waits].fence)
        await first.store.leases.complete(BOB, ended, grants[ended].fence, b"1")
        counts, generation, now = (
            await first.store.tasks.counts(),
            first.store.generation,
            first.store.now(),
        )
    world.advance(29.0)
    world.mono_now = 5.0
    async with Ledger(tmp_path, world) as second:
        assert await second.store.tasks.counts() == counts
        assert second.store.generation == generation
        assert second.store.now() >= now
        # Down for most of the lease: it is a full one again.
        await second.settle(29.0)
        assert await second.state(held) == "assigned"
        await second.store.leases.complete(BOB, held, grants[held].fence, b"2")
        [again] = await second.claim(CAROL)
        assert again.task.id == waits
        with pytest.raises(StaleFence):
            await second.store.leases.complete(BOB, waits, grants[waits].fence, b"x")


async def test_what_waits_is_found_again_and_due_again(tmp_path: Path):
    world = Clock()
    async with Ledger(tmp_path, world) as first:
        name = await first.submit(ttl=60.0)
    async with Ledger(tmp_path, world) as second:
        second.store.leases.seats([seat(BOB, "echo")])
        await second.store.leases.poke()
        assert [g.task.id for g in second.given()] == [name]
    async with Ledger(tmp_path, world) as third:
        await third.settle(61.0)
        assert await third.state(name) == "failed"


async def test_store_time_is_kept_over_a_wall_that_went_back(tmp_path: Path):
    world = Clock()
    async with Ledger(tmp_path, world) as first:
        await first.submit()
        now = first.store.now()
    world.wall_now -= 10 * 365.25 * 86400
    async with Ledger(tmp_path, world) as second:
        assert second.store.now() >= now


async def test_a_listener_that_left_hears_no_more(ledger: Ledger):
    heard: list[object] = []
    deaf = ledger.store.listen(heard.extend)
    first, second = await ledger.submit(), await ledger.submit()
    await ledger.store.tasks.cancel(ALICE, first)
    deaf()
    await ledger.store.tasks.cancel(ALICE, second)
    assert [type(each) for each in heard] == [TaskSubmitted, TaskSubmitted, TaskChanged]
