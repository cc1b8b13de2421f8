"""The real clock and entropy, and the ids drawn from them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from chatixia import ids, world

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def test_clocks_run_forward():
    first, second = world.REAL.monotonic(), world.REAL.monotonic()
    assert second >= first
    assert world.REAL.boottime() >= world.REAL.monotonic() - 1
    assert abs(world.REAL.wall() - time.time()) < 5


def test_ids_are_well_formed_and_differ():
    assert ids.is_task_id(world.task_id())
    assert ids.is_incarnation(world.incarnation())
    assert len({world.request_id() for _ in range(1000)}) == 1000
    assert world.task_id() != world.task_id()


def test_chance_has_its_ranges():
    assert len(world.REAL.token(16)) == 16
    assert all(0 <= world.REAL.jitter() < 1 for _ in range(100))
    assert world.process_id() == os.getpid()


async def test_an_eager_task_has_begun_when_it_is_made_where_python_can():
    begun = []

    async def work() -> None:
        begun.append(True)

    task = asyncio.Task(work(), loop=asyncio.get_running_loop(), **world.EAGER)
    assert bool(begun) is (sys.version_info >= (3, 12))
    await task
    assert begun == [True]


def seen_in_a_child(fd: int) -> bool:
    """Whether a forked child has what this process has under a number."""
    mine, child = os.fstat(fd).st_ino, os.fork()
    if child == 0:
        os._exit(int(os.fstat(fd).st_ino == mine))
    return bool(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def test_what_is_private_leads_nowhere_in_a_child(tmp_path: Path):
    shared, private = (os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in "ab")
    world.keep_private(private)
    assert [seen_in_a_child(fd) for fd in (shared, private)] == [True, False]
    assert os.write(private, b"x") == 1  # here it is what it was
    os.close(private)
    again = os.open(tmp_path / "c", os.O_RDWR | os.O_CREAT)
    assert again == private  # another file by now, which is nobody's business
    assert seen_in_a_child(again)
    os.close(again)
    os.close(shared)
