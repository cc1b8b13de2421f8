"""Where the bytes of artifacts come from; a file that changed is one error."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from chatixia.client.artifact_sources import MAX_PULLS, BytesSource, FeedSource, FileSource
from chatixia.errors import Conflict, NotFound, Unreachable
from chatixia.wire.artifacts import ArtifactInfo

DATA = bytes(range(256)) * 40


class Feed:
    """A feed of ``DATA`` that counts its pulls; ``short`` bytes are missing at its end. It waits
    for ``halt`` before the piece in which ``halts`` lies."""

    folder = ""

    def __init__(self, short: int = 0, halts: int = 0) -> None:
        self.info = ArtifactInfo(len(DATA), hashlib.sha256(DATA).hexdigest(), name="a")
        self.pulls: list[int] = []
        self.released = False
        self._end, self._halts = len(DATA) - short, halts
        self.halt = asyncio.get_running_loop().create_future() if halts else None

    async def pull(self, offset: int = 0, gather: bool = False) -> AsyncGenerator[bytes, None]:
        self.pulls.append(offset)
        for at in range(offset, self._end, 1000):
            if self.halt is not None and at <= self._halts < at + 1000:
                await self.halt
            await asyncio.sleep(0)
            yield DATA[at : min(at + 1000, self._end)]

    def release(self) -> None:
        self.released = True


async def test_bytes_are_described_and_read():
    source = BytesSource(DATA, "a", "t/x")
    info = await source.describe()
    assert info == ArtifactInfo(
        len(DATA), hashlib.sha256(DATA).hexdigest(), name="a", media_type="t/x"
    )
    assert await source.read(10, 5) == DATA[10:15]
    assert (await source.inline()).data == DATA


async def test_a_file_is_described_and_read(tmp_path: Path):
    (tmp_path / "x").write_bytes(DATA)
    source = FileSource(str(tmp_path / "x"), "x", "")
    assert (await source.describe()).sha256 == hashlib.sha256(DATA).hexdigest()
    assert await source.read(1000, 300) == DATA[1000:1300]
    assert (await source.inline()).data == DATA


@pytest.mark.parametrize("content", [b"", b"other", DATA + b"more"])
async def test_a_file_that_changed_since_is_one_error(tmp_path: Path, content: bytes):
    (tmp_path / "x").write_bytes(DATA)
    source = FileSource(str(tmp_path / "x"), "x", "")
    await source.describe()
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Conflict, match="changed"):
        await source.read(0, 10)


async def test_a_file_of_the_same_size_that_took_its_place_is_seen(tmp_path: Path):
    (tmp_path / "x").write_bytes(DATA)
    source = FileSource(str(tmp_path / "x"), "x", "")
    await source.describe()
    (tmp_path / "y").write_bytes(DATA[::-1])
    (tmp_path / "y").rename(tmp_path / "x")
    with pytest.raises(Conflict):
        await source.read(0, 10)


async def test_a_file_that_is_gone_is_not_found(tmp_path: Path):
    with pytest.raises(NotFound):
        await FileSource(str(tmp_path / "x"), "x", "").describe()


async def test_what_is_passed_on_is_pulled_once_in_order_and_anew_elsewhere():
    feed = Feed()
    source = FeedSource(feed)
    assert (await source.describe()).sha256 == feed.info.sha256
    assert await source.read(0, 1500) == DATA[:1500]
    assert await source.read(1500, 1500) == DATA[1500:3000]
    assert feed.pulls == [0]
    assert await source.read(100, 10) == DATA[100:110]
    assert feed.pulls == [0, 100]
    assert (await FeedSource(Feed()).inline()).data == DATA


async def test_readers_at_once_of_what_is_passed_on_do_not_begin_anew_for_each_other():
    feed = Feed()
    source = FeedSource(feed)

    async def reader() -> bytes:
        data = b""
        while len(data) < len(DATA):
            data += await source.read(len(data), 64)
            await asyncio.sleep(0)
        return data

    assert await asyncio.gather(reader(), reader(), reader()) == [DATA] * 3
    assert feed.pulls == [0, 0, 0]
    assert source._pulls == []


async def test_no_more_pulls_stay_open_than_the_bound():
    source = FeedSource(Feed())
    for at in range(2 * MAX_PULLS):
        await source.read(3 * at, 1)
    assert len(source._pulls) == MAX_PULLS


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_a_read_that_ends_early_takes_nothing_from_the_next(how: str):
    """As where the receiver moves to another path while the sender waits for its own source."""
    feed = Feed(halts=2500)
    source = FeedSource(feed)
    assert await source.read(0, 2000) == DATA[:2000]
    task = asyncio.ensure_future(source.read(2000, 2000))
    for _ in range(3):
        await asyncio.sleep(0)
    if how == "cancelled":
        task.cancel()
    else:
        feed.halt.set_exception(NotFound())
    with pytest.raises((asyncio.CancelledError, NotFound)):
        await task
    feed.halt = None
    assert await source.read(2000, 2000) == DATA[2000:4000]


async def test_what_ends_before_its_size_is_an_error():
    with pytest.raises(Unreachable):
        await FeedSource(Feed(short=1)).read(0, len(DATA))
