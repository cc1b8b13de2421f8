"""Both sides of one link together: letting go, closing, and a peer that takes no answers."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.errors import BadRequest, Unavailable
from chatixia.peer.artifacts.transfers import MAX_CONTROL, InlineFeed
from chatixia.wire.artifacts import PULL, ArtifactFrame, ArtifactInfo, write

from .ends import Pair, whole


async def test_what_is_let_go_of_is_offered_no_more():
    pair = Pair()
    feed = await pair.lend(b"abc")
    feed.release()
    feed.release()
    await asyncio.sleep(0)
    await pair.pump()
    assert len(pair.a.offers) == 0
    with pytest.raises(BadRequest):
        feed.pull(0)


async def test_a_stop_ends_the_reader():
    pair = Pair()
    task = asyncio.ensure_future(whole(await pair.lend(bytes(1000))))
    await asyncio.sleep(0)
    pair.b.transfers.close(Unavailable)
    with pytest.raises(Unavailable):
        await task
    pair.b.transfers.shut()
    pair.b.transfers.free(ArtifactInfo(1, "ab" * 32))
    await asyncio.sleep(0)


async def test_a_reader_that_stops_tells_the_sender():
    pair = Pair()
    chunks = (await pair.lend(bytes(900_000))).pull(0)
    first = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    await pair.pump(3)
    assert await first
    await chunks.aclose()
    await pair.pump()
    assert pair.a.transfers.idle and pair.b.transfers.idle


async def test_a_peer_that_takes_no_answer_breaks_the_link():
    pair = Pair()
    pair.a.path = None  # nothing leaves
    with pytest.raises(BadRequest):
        for number in range(MAX_CONTROL + 1):
            pair.a.transfers.receive(
                write(ArtifactFrame(PULL, number, 0, 1, "00" * 16)), pair.a.path
            )


async def test_bytes_in_the_message_need_no_link():
    feed = InlineFeed(ArtifactInfo(3, "ab" * 32, data=b"abc"))
    assert await whole(feed, 1) == b"bc"
    assert await whole(feed, 3) == b""
    feed.release()
