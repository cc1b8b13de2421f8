"""The sending side: what was not pulled is not sent, and what fails is said once."""

from __future__ import annotations

import os

import pytest

from chatixia.client.artifact import Artifact
from chatixia.core.delay_window import MOST
from chatixia.errors import BadRequest, Conflict, NotFound
from chatixia.wire.artifacts import DATA, PULL, ArtifactFrame, read, write

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
    import asyncio

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
