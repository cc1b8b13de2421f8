"""The sending side: what was not pulled is not sent, and what fails is said once."""

from __future__ import annotations

import asyncio
import os

import pytest

from chatixia.client.artifact import Artifact
from chatixia.core.delay_window import MOST
from chatixia.errors import BadRequest, Conflict, NotFound
from chatixia.peer.artifacts.transfers import BUSY_SECONDS
from chatixia.peer.artifacts.upload import (
    AHEAD_SECONDS,
    BURST_CHUNKS,
    MAX_UPLOADS,
    READ_BYTES,
    REST_SECONDS,
)
from chatixia.wire.artifacts import CHUNK, DATA, PULL, ArtifactFrame, ArtifactInfo, read, write
from chatixia.wire.base import MIB

from .ends import Pair, whole


def data_bytes(frames: list[bytes]) -> int:
    return sum(len(read(frame).data) for frame in frames if frame[1] == DATA)


async def test_a_pull_of_what_was_not_lent_fails():
    pair = Pair()
    feed = await pair.lend(b"abc")
    pair.a.offers.forget("b")
    chunks = feed.pull(0)
    with pytest.raises(NotFound):
        await _first(pair, chunks)


async def _first(pair: Pair, chunks: object) -> bytes:
    task = asyncio.ensure_future(anext(chunks))  # type: ignore[call-overload]
    await asyncio.sleep(0)
    await pair.pump()
    return await task  # type: ignore[no-any-return]


async def test_a_receiver_that_grants_nothing_gets_nothing_more():
    pair = Pair()
    feed = await pair.lend(bytes(400_000))
    pull = ArtifactFrame(PULL, 9, 0, 40_000, feed.info.id)
    pair.a.transfers.receive(write(pull), pair.a.path)
    for _ in range(50):
        await pair.pump(2)
        pair.a.kick_artifacts()
    assert data_bytes(pair.crossed) <= 40_000


async def test_no_more_is_under_way_than_the_window():
    pair = Pair()
    feed = await pair.lend(os.urandom(2_000_000))
    pair.a.transfers.receive(write(ArtifactFrame(PULL, 9, 0, MOST, feed.info.id)), pair.a.path)
    lost: list[bytes] = []
    pair.lost = lambda frame: lost.append(frame) is None  # nothing is acknowledged
    for _ in range(50):
        pair.a.kick_artifacts()
        await pair.pump(2)
    assert 0 < data_bytes(lost) <= pair.a.transfers.uploads.window.size


async def test_a_file_that_changes_on_the_way_is_one_error(tmp_path):
    import asyncio

    (tmp_path / "x").write_bytes(bytes(3_000_000))
    pair = Pair()
    source = Artifact.of(tmp_path / "x").source
    table = await pair.a.offers.lend("b", [source], pair.a.world.monotonic() + 60)
    task = asyncio.ensure_future(whole(pair.b.transfers.feeds(table)[0]))
    await asyncio.sleep(0)
    (tmp_path / "x").write_bytes(bytes(3_000_001))
    while not task.done():
        await pair.pump(2)
        await asyncio.sleep(0.001)
    with pytest.raises(Conflict, match="changed"):
        await task
    assert pair.a.transfers.idle and pair.b.transfers.idle


async def test_an_ack_of_what_was_not_sent_breaks_the_link():
    pair = Pair()
    feed = await pair.lend(bytes(1000))
    pair.a.transfers.receive(write(ArtifactFrame(PULL, 9, 0, 0, feed.info.id)), pair.a.path)
    with pytest.raises(BadRequest):
        pair.a.transfers.receive(write(ArtifactFrame(PULL, 9, 1, 100, feed.info.id)), pair.a.path)


async def test_a_receiver_that_takes_nothing_keeps_nothing_in_memory_here():
    """It pulls as many as it may, and then is silent; when it goes on it gets the rest."""
    pair, data = Pair(), os.urandom(400_000)
    pulls = [await pair.lend(data) for _ in range(MAX_UPLOADS)]
    for number, feed in enumerate(pulls, 1):
        pull = ArtifactFrame(PULL, number, 0, 0, feed.info.id)
        pair.a.transfers.receive(write(pull), pair.a.path)
    for _ in range(5):
        await pair.pump(2)
    assert ahead(pair) == MAX_UPLOADS * 2 * READ_BYTES
    pair.a.ring(AHEAD_SECONDS - 1)
    assert ahead(pair)
    pair.a.ring(AHEAD_SECONDS)
    assert ahead(pair) == 0 and pair.a.transfers.uploads.active == MAX_UPLOADS
    pair.a.transfers.receive(
        write(ArtifactFrame(PULL, 1, 0, 4 * MIB, pulls[0].info.id)), pair.a.path
    )
    lost: list[bytes] = []
    pair.lost = lambda frame: lost.append(frame) is None
    pair.a.kick_artifacts()
    for _ in range(5):
        await pair.pump(2)
    first = [read(frame) for frame in lost if frame[1] == DATA][0]
    assert (first.transfer, first.offset, first.data) == (1, 0, data[: len(first.data)])


class Halting:
    """A source that stops behind its first read until ``go`` is set."""

    local, memory = False, 0

    def __init__(self, data: bytes) -> None:
        self.data, self.go = data, asyncio.Event()

    async def describe(self) -> ArtifactInfo:
        return ArtifactInfo(len(self.data), "", name="x")

    async def inline(self) -> ArtifactInfo:
        raise NotImplementedError

    async def read(self, offset: int, count: int) -> bytes:
        if offset:
            await self.go.wait()
        return self.data[offset : offset + count]


async def test_what_was_being_read_when_the_rest_was_let_go_of_is_read_again():
    """Its bytes went out as those of another place, and the receiver saw a wrong hash."""
    pair, source = Pair(), Halting(os.urandom(3 * READ_BYTES))
    [info] = await pair.a.offers.lend("b", [source], 1e9)
    pair.b.transfers.downloads.arrived = lambda frame, now: None  # type: ignore[method-assign]
    pair.a.transfers.receive(write(ArtifactFrame(PULL, 9, 0, 40_000, info.id)), pair.a.path)
    for _ in range(5):
        await pair.pump(2)
    pair.a.ring(AHEAD_SECONDS)
    source.go.set()
    await pair.pump(2)
    pull = ArtifactFrame(PULL, 9, data_bytes(pair.crossed), MIB, info.id)
    pair.a.transfers.receive(write(pull), pair.a.path)
    for _ in range(20):
        await pair.pump(2)
    sent = b"".join(read(frame).data for frame in pair.crossed if frame[1] == DATA)
    assert len(sent) > 3 * CHUNK and source.data.startswith(sent)


def ahead(pair: Pair) -> int:
    """Bytes that were read and did not go."""
    active = pair.a.transfers.uploads._active.values()
    return sum(len(block) for upload in active for block in upload.blocks)


async def test_a_file_goes_in_whole_chunks_and_one_rest():
    pair, size = Pair(), 20 * READ_BYTES + 5
    task = asyncio.ensure_future(whole(await pair.lend(bytes(size))))
    await asyncio.sleep(0)
    await pair.pump()
    assert len(await task) == size
    sizes = [len(read(frame).data) for frame in pair.crossed if frame[1] == DATA]
    assert set(sizes[:-1]) == {CHUNK} and sizes[-1] == 5


async def test_beside_calls_the_sender_rests_after_a_few_chunks():
    pair = Pair()
    pair.a.count += 1  # a call went by this link just now
    feed = await pair.lend(bytes(64 * CHUNK))
    task = asyncio.ensure_future(whole(feed))
    for burst in range(1, 4):
        await pair.pump()
        assert data_bytes(pair.crossed) == burst * BURST_CHUNKS * CHUNK
        pair.a.ring(REST_SECONDS)
    pair.a.ring(BUSY_SECONDS)  # no other call came
    await pair.pump()
    pair.a.ring(REST_SECONDS)
    await pair.pump()
    assert task.done() and len(task.result()) == 64 * CHUNK
