"""What comes is written at once, in order, and nobody waits for the disk before it is too much."""

from __future__ import annotations

import asyncio
import threading

import pytest

from chatixia.client.part_writer import AHEAD_BYTES, BATCH_BYTES, PartWriter
from chatixia.errors import DiskFull
from tests.until import until


class Disk:
    """A part that can stand still, or be full."""

    def __init__(self) -> None:
        self.data = b""
        self.writes: list[int] = []
        self.goes = threading.Event()
        self.goes.set()
        self.error: Exception | None = None

    def write(self, data: bytes) -> None:
        self.goes.wait(20)
        if self.error is not None:
            raise self.error
        self.data += data
        self.writes.append(len(data))


async def test_what_came_is_written_though_nothing_more_comes():
    disk = Disk()
    await PartWriter(disk).add(b"one")
    await until(lambda: disk.data == b"one", 20)


async def test_all_is_written_in_order():
    disk = Disk()
    writer = PartWriter(disk)
    pieces = [bytes([n % 256]) * (n % 7 + 1) for n in range(2_000)]
    for piece in pieces:
        await writer.add(piece)
    await writer.finish()
    assert disk.data == b"".join(pieces)


async def test_what_comes_during_a_write_goes_with_the_next_one():
    disk = Disk()
    writer = PartWriter(disk)
    disk.goes.clear()
    for _ in range(50):
        await writer.add(b"x")
    disk.goes.set()
    await writer.finish()
    assert disk.data == b"x" * 50
    assert len(disk.writes) <= 3


async def test_a_disk_that_stands_still_holds_up_whoever_is_far_ahead():
    disk = Disk()
    writer = PartWriter(disk)
    disk.goes.clear()
    piece = bytes(BATCH_BYTES)
    for _ in range(AHEAD_BYTES // BATCH_BYTES):
        await writer.add(piece)
    ahead = asyncio.ensure_future(writer.add(piece * 2))
    done, _ = await asyncio.wait([ahead], timeout=0.2)
    assert not done
    disk.goes.set()
    async with asyncio.timeout(20):
        await ahead
    await writer.finish()
    assert sum(disk.writes) == AHEAD_BYTES + 2 * BATCH_BYTES


async def test_a_full_disk_is_told_by_the_next_piece_and_by_the_end():
    disk = Disk()
    writer = PartWriter(disk)
    disk.error = DiskFull("No room.")
    await writer.add(b"x")
    with pytest.raises(DiskFull):
        await writer.finish()
    with pytest.raises(DiskFull):
        await writer.add(b"y")
    assert not disk.data


async def test_who_is_cancelled_waits_for_the_thread():
    disk = Disk()
    writer = PartWriter(disk)
    disk.goes.clear()
    await writer.add(b"x")
    end = asyncio.ensure_future(writer.finish())
    await asyncio.sleep(0)
    end.cancel()
    done, _ = await asyncio.wait([end], timeout=0.2)
    assert not done
    disk.goes.set()
    with pytest.raises(asyncio.CancelledError):
        await end
    assert disk.data == b"x"
