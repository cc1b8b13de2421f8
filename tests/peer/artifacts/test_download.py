"""The receiving side: every byte once and in order, over whatever paths; bounded, and not for
ever."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from chatixia.core.delay_window import LEAST
from chatixia.core.transfer import RECEIVE_BYTES, RECEIVE_LEAST_BYTES
from chatixia.errors import BadRequest, Overloaded, Unreachable
from chatixia.peer.artifacts.download import (
    AGAIN_SECONDS,
    GAP_SECONDS,
    GATHER_SECONDS,
    MAX_DOWNLOADS,
    MAX_EARLY,
    PIECE_CHUNKS,
    STALLED_SECONDS,
)
from chatixia.peer.artifacts.offers import MAX_RECEIVED_BYTES
from chatixia.wire.artifacts import CHUNK, DATA, PULL, ArtifactFrame, read, write

from .ends import Pair, whole


async def test_all_bytes_come_and_nothing_stays():
    pair, data = Pair(), os.urandom(700_000)
    task = asyncio.ensure_future(whole(await pair.lend(data)))
    await asyncio.sleep(0)
    await pair.pump()
    assert await task == data
    await pair.pump()
    assert pair.a.transfers.idle and pair.b.transfers.idle


async def test_as_many_as_may_be_come_side_by_side():
    """Over the least window: what each may have untold would fill it many times."""
    pair = Pair()
    given = [os.urandom(200_000) for _ in range(MAX_DOWNLOADS)]
    pair.a.transfers.uploads.window.size = LEAST
    tasks = [asyncio.ensure_future(whole(await pair.lend(data))) for data in given]
    await asyncio.sleep(0)
    await pair.pump()
    assert all(task.done() for task in tasks)
    assert [task.result() for task in tasks] == given


@pytest.mark.parametrize(("count", "rate"), [(MAX_DOWNLOADS, 8), (MAX_DOWNLOADS, 1), (4, 1)])
async def test_over_a_slow_link_each_waits_for_its_turn(count: int, rate: int):
    """A turn may take longer than a lost chunk is waited for. What was pulled anew then came to
    nothing, and all of them were given up."""
    pair, size = Pair(), 5 * CHUNK
    given = [os.urandom(size) for _ in range(count)]
    pair.a.transfers.uploads.window.size = LEAST
    tasks = [asyncio.ensure_future(whole(await pair.lend(data, 1e9))) for data in given]
    every = asyncio.gather(*tasks)
    went = await pair.crawl(every, rate, 10 * count)
    assert every.done() and every.result() == given
    assert went <= 6 * count


async def test_one_of_several_that_was_lost_is_pulled_again_while_others_come():
    pair = Pair()
    pair.a.transfers.uploads.window.size = LEAST
    lost = asyncio.ensure_future(whole(await pair.lend(bytes(9), 1e9)))
    others = asyncio.ensure_future(whole(await pair.lend(bytes(10**6), 1e9)))
    await asyncio.sleep(0)
    pair.b.frames.popleft()  # its pull
    await pair.crawl(lost, 2, 50)
    assert lost.done() and not others.done()
    others.cancel()
    await asyncio.gather(others, return_exceptions=True)


async def test_several_of_which_nothing_comes_are_given_up_after_a_minute():
    pair = Pair()
    pair.lost = lambda frame: frame[1] == DATA
    tasks = [asyncio.ensure_future(whole(await pair.lend(bytes(1000), 1e9))) for _ in range(3)]
    await asyncio.sleep(0)
    for _ in range(int(STALLED_SECONDS / AGAIN_SECONDS) + 1):
        await pair.pump()
        pair.b.ring(AGAIN_SECONDS)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [Unreachable] * 3


async def test_it_goes_on_from_an_offset():
    pair, data = Pair(), os.urandom(100_000)
    task = asyncio.ensure_future(whole(await pair.lend(data), 60_000))
    await asyncio.sleep(0)
    await pair.pump()
    assert await task == data[60_000:]


async def test_after_a_cut_no_chunk_that_came_is_sent_again():
    pair, data = Pair(), os.urandom(600_000)
    task = asyncio.ensure_future(whole(await pair.lend(data)))
    await asyncio.sleep(0)
    pair.lost = lambda frame: sum(each[1] == DATA for each in pair.crossed) >= 10
    await pair.pump()
    pair.cut()
    assert pair.b.wanted
    pair.lost = lambda frame: False
    pair.join()
    await pair.pump()
    assert await task == data
    offsets = [read(frame).offset for frame in pair.crossed if frame[1] == DATA]
    assert len(offsets) == len(set(offsets))


@pytest.mark.parametrize("seed", range(10))
async def test_lost_frames_are_pulled_again(seed: int):
    chance, pair, data = random.Random(seed), Pair(), os.urandom(300_000)
    pair.lost = lambda frame: chance.random() < 0.05
    task = asyncio.ensure_future(whole(await pair.lend(data, 1e9)))
    await asyncio.sleep(0)
    while not task.done():
        await pair.pump()
        pair.b.ring(AGAIN_SECONDS)
        pair.b.kick_artifacts()
        await asyncio.sleep(0)
    assert await task == data


async def test_chunks_that_overtake_others_wait_for_them_and_nothing_goes_twice():
    """As they do when the sender changes to a faster path."""
    pair, data = Pair(), os.urandom(600_000)
    late: list[bytes] = []

    def slow(frame: bytes) -> bool:
        holds = frame[1] == DATA and CHUNK * 4 <= read(frame).offset < CHUNK * 7 and len(late) < 3
        if holds:
            late.append(frame)
        return holds

    pair.lost = slow
    task = asyncio.ensure_future(whole(await pair.lend(data)))
    await asyncio.sleep(0)
    await pair.pump()
    assert len(late) == 3 and not task.done()
    for frame in late:
        pair.crossed.append(frame)
        pair.b.transfers.receive(frame, pair.b.path)
    pair.b.kick_artifacts()
    await pair.pump()
    assert task.done() and await task == data
    offsets = [read(frame).offset for frame in pair.crossed if frame[1] == DATA]
    assert len(offsets) == len(set(offsets))


async def test_a_chunk_that_was_lost_is_pulled_again_soon_where_later_ones_came():
    pair, data = Pair(), os.urandom(200_000)
    lost: list[bytes] = []

    def once(frame: bytes) -> bool:
        loses = frame[1] == DATA and read(frame).offset == CHUNK * 2 and not lost
        if loses:
            lost.append(frame)
        return loses

    pair.lost = once
    task = asyncio.ensure_future(whole(await pair.lend(data)))
    await asyncio.sleep(0)
    await pair.pump()
    assert lost and not task.done()
    pair.b.ring(GAP_SECONDS)
    await asyncio.sleep(0)
    pair.b.kick_artifacts()
    await pair.pump()
    assert task.done() and await task == data


async def test_no_more_chunks_are_kept_than_the_bound():
    pair = Pair()
    task = asyncio.ensure_future(whole(await pair.lend(bytes(100_000), 1e9)))
    await asyncio.sleep(0)
    for offset in range(1, MAX_EARLY + 100):
        pair.b.transfers.receive(write(ArtifactFrame(DATA, 1, offset, data=b"x")), pair.b.path)
    [download] = pair.b.transfers.downloads._active.values()
    assert len(download.early) == MAX_EARLY
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_never_ends_is_given_up():
    pair = Pair()
    pair.lost = lambda frame: frame[1] == DATA
    task = asyncio.ensure_future(whole(await pair.lend(bytes(1000), 1e9)))
    await asyncio.sleep(0)
    for _ in range(int(STALLED_SECONDS / AGAIN_SECONDS)):
        await pair.pump()
        pair.b.ring(AGAIN_SECONDS)
        await asyncio.sleep(0)
    with pytest.raises(Unreachable, match="Next to nothing"):
        await task
    assert pair.b.transfers.idle


async def test_a_sender_that_dribbles_is_given_up():
    """A byte every few seconds would hold its reader for months."""
    pair, at = Pair(), 0
    pair.lost = lambda frame: frame[1] == DATA
    task = asyncio.ensure_future(whole(await pair.lend(bytes(100_000), 1e9)))
    await asyncio.sleep(0)
    await pair.pump()
    while not task.done() and at < 100:
        frame = ArtifactFrame(DATA, 1, at, data=b"x")
        pair.b.transfers.receive(write(frame), pair.b.path)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        pair.b.ring(AGAIN_SECONDS / 2)
        await asyncio.sleep(0)
        at += 1
    with pytest.raises(Unreachable, match="Next to nothing"):
        await task
    assert STALLED_SECONDS / AGAIN_SECONDS < at < 3 * STALLED_SECONDS / AGAIN_SECONDS


async def test_a_reader_that_takes_its_time_is_not_given_up():
    pair, data = Pair(), os.urandom(300_000)
    chunks = (await pair.lend(data, 1e9)).pull(0)
    got = b""
    while len(got) < len(data):
        task = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        await pair.pump()
        got += await task
        pair.b.world.advance(STALLED_SECONDS * 2)  # it is busy with what it has
    assert got == data
    await chunks.aclose()


async def test_bytes_that_were_not_asked_for_break_the_link():
    pair = Pair()
    task = asyncio.ensure_future(whole(await pair.lend(bytes(100))))
    await asyncio.sleep(0)
    with pytest.raises(BadRequest):
        pair.b.transfers.receive(write(ArtifactFrame(DATA, 1, 0, data=bytes(101))), pair.b.path)
    task.cancel()


async def test_chunks_of_no_transfer_are_answered_with_stop_and_kept_nowhere():
    pair = Pair()
    for _ in range(100):
        pair.b.transfers.receive(write(ArtifactFrame(DATA, 77, 0, data=bytes(CHUNK))), pair.b.path)
    assert pair.b.transfers.idle


async def test_a_sender_that_is_gone_ends_it():
    pair = Pair()
    task = asyncio.ensure_future(whole(await pair.lend(bytes(1000))))
    await asyncio.sleep(0)
    pair.b.transfers.peer_lost()
    with pytest.raises(Unreachable, match="gone"):
        await task


async def test_transfers_are_bounded():
    pair = Pair()
    feed = await pair.lend(bytes(1000))
    tasks = [asyncio.ensure_future(whole(feed)) for _ in range(MAX_DOWNLOADS)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await whole(feed)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert pair.b.transfers.idle


async def test_readers_that_take_no_more_hold_a_bounded_number_of_bytes_together():
    """And one that reads goes on beside them."""
    pair, stopped = Pair(), []
    data = bytes(RECEIVE_BYTES + CHUNK)
    for _ in range(24):
        chunks = (await pair.lend(data)).pull(0)
        first = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        await pair.pump(3)
        await first
        stopped.append(chunks)
    received = sum(len(frame) for frame in pair.crossed if frame[1] == DATA)
    bound = MAX_RECEIVED_BYTES + len(stopped) * (RECEIVE_LEAST_BYTES + PIECE_CHUNKS * CHUNK)
    assert 0.9 * MAX_RECEIVED_BYTES < received < bound
    task = asyncio.ensure_future(whole(await pair.lend(given := os.urandom(10**6))))
    await asyncio.sleep(0)
    await pair.pump()
    assert await task == given
    for chunks in stopped:
        await chunks.aclose()
    assert pair.b.offers.received == 0


async def pieces(pair: Pair, data: bytes, gather: bool) -> tuple[list[int], int]:
    """What its reader got at once, and how many pulls that took."""
    feed = await pair.lend(data)

    async def read_all() -> list[bytes]:
        return [piece async for piece in feed.pull(0, gather)]

    task = asyncio.ensure_future(read_all())
    for _ in range(200):
        await pair.pump()
        pair.b.ring(0.001)
        if task.done():
            break
    got = await task
    assert b"".join(got) == data
    return [len(piece) for piece in got], sum(frame[1] == PULL for frame in pair.crossed)


async def test_a_reader_that_gathers_costs_fewer_steps_and_fewer_pulls():
    data = os.urandom(64 * CHUNK)
    each, few = await pieces(Pair(), data, False), await pieces(Pair(), data, True)
    assert max(few[0]) <= PIECE_CHUNKS * CHUNK
    assert len(few[0]) < len(each[0]) and few[1] < each[1]


async def test_a_chunk_that_none_follows_does_not_wait_for_long():
    pair = Pair()
    chunks = (await pair.lend(os.urandom(10 * CHUNK))).pull(0, True)
    task = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    pair.lost = lambda frame: any(each[1] == DATA for each in pair.crossed) and frame[1] == DATA
    await pair.pump()
    assert not task.done()
    pair.b.ring(GATHER_SECONDS)
    assert len(await asyncio.wait_for(task, 5)) == CHUNK
    await chunks.aclose()


async def test_one_who_saves_gets_each_chunk_as_it_comes():
    pair = Pair()
    chunks = (await pair.lend(os.urandom(10 * CHUNK))).pull(0)
    task = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    pair.lost = lambda frame: any(each[1] == DATA for each in pair.crossed) and frame[1] == DATA
    await pair.pump()
    assert len(await asyncio.wait_for(task, 5)) == CHUNK
    await chunks.aclose()


async def test_beside_calls_the_sender_hears_as_often_as_ever():
    data = os.urandom(64 * CHUNK)
    calm, busy = Pair(), Pair()
    pump = busy.pump

    async def calling(turns: int = 20) -> None:
        busy.b.count += 1
        await pump(turns)

    busy.pump = calling  # type: ignore[method-assign]
    assert (await pieces(busy, data, True))[1] > (await pieces(calm, data, True))[1]
