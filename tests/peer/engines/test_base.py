"""What both engines promise, each with itself and with the other."""

import asyncio
import itertools

import pytest

from chatixia.core.sdp import MAX_MESSAGE
from chatixia.peer.engines import load
from chatixia.peer.engines.base import (
    EARLY_BYTES,
    EARLY_CANDIDATES,
    Candidate,
    Channel,
    Connection,
    EngineRefused,
    tier_of,
)
from tests.peer.engines.pair import SECONDS, connect, ends, gathered, linked, trickle
from tests.until import until

PAIRS = list(itertools.product(("wrtc", "aiortc"), repeat=2))
each_pair = pytest.mark.parametrize("names", PAIRS, ids="-".join)
each_engine = pytest.mark.parametrize("name", ("wrtc", "aiortc"))


def engines(names):
    return load(names[0]), load(names[1])


@each_pair
async def test_both_ends_name_the_certificates_that_dtls_used(names):
    async with linked(*engines(names)) as (a, b):
        left, right = a.connection, b.connection
        assert left.remote_fingerprint() == right.local_fingerprint()
        assert right.remote_fingerprint() == left.local_fingerprint()
        assert left.local_fingerprint() != right.local_fingerprint()
        assert (a.channel.label, b.channel.label) == ("mesh", "mesh")


@each_pair
async def test_frames_arrive_whole_and_in_order(names):
    async with linked(*engines(names)) as (a, b):
        assert a.channel.max_message == b.channel.max_message == MAX_MESSAGE
        sent = [bytes([n]) for n in range(100)] + [b"x" * MAX_MESSAGE, b"y", b"z" * 60_000]
        for data in sent:
            a.send(data)
        for data in reversed(sent):
            b.send(data)
        assert await b.frames_to(len(sent)) == sent
        assert await a.frames_to(len(sent)) == sent[::-1]


@each_pair
async def test_a_lossy_channel_is_unordered_and_sends_nothing_again_at_both_ends(names):
    async with linked(*engines(names)) as (a, b):
        b.opened.clear()
        made, got = a.connection.create_channel("status", lossy=True), asyncio.Event()
        made.on_open = lambda: made.send(b"one")
        async with asyncio.timeout(SECONDS):
            await b.opened.wait()
            assert await b.frames_to(1) == [b"one"]
            b.channel.send(b"two")
            made.on_message = lambda data: data == b"two" and got.set()
            await got.wait()
        assert made.lossy and b.channel.lossy and b.channel.label == "status"
        assert not a.channel.lossy
        for raw in (made.native, b.channel.native):
            retransmits = getattr(raw, "max_retransmits", None)
            assert getattr(raw, "maxRetransmits", retransmits) == 0


@each_pair
async def test_a_frame_above_the_bound_is_refused_at_once_and_the_channel_lives(names):
    async with linked(*engines(names)) as (a, b):
        with pytest.raises(EngineRefused) as refused:
            a.send(b"x" * (MAX_MESSAGE + 1))
        assert refused.value.reason == "too_large"
        a.send(b"after")
        assert await b.frames_to(1) == [b"after"]


@each_pair
async def test_a_drained_close_delivers_all_that_was_queued(names):
    async with linked(*engines(names)) as (a, b):
        sent = [n.to_bytes(2, "big") * 1000 for n in range(500)]
        for data in sent:
            a.send(data)
        await a.connection.close(drain=SECONDS)
        assert await b.frames_to(500) == sent
        async with asyncio.timeout(SECONDS):
            await b.closed.wait()
        assert a.closed.is_set()
        assert a.states[-1] == "closed"
        for end in (a, b):
            with pytest.raises(EngineRefused) as refused:
                end.send(b"late")
            assert refused.value.reason == "closed"


@each_pair
async def test_the_tier_is_direct_by_the_selected_pair_at_both_ends(names):
    async with linked(*engines(names)) as (a, b):
        one, two = await named(a), await named(b)
        assert one.tier == two.tier == "direct"
        assert {one.local, two.local} <= {"host", "prflx"}
        assert port(one.local_addr) == port(two.remote_addr)
        assert one.bytes_sent > 0
        assert two.bytes_received > 0


async def named(end):
    """Its reading, once the candidate that a check found was told of, too."""

    async def told():
        stats = await end.connection.stats()
        return stats if stats.remote_addr else None

    return await until(told)


def port(address):
    return int(address.rpartition(":")[2])


@each_pair
async def test_candidates_before_the_description_are_kept(names):
    """The reference drops them, and takes a second in three set-ups of ten."""
    a, b = await ends(*engines(names))
    a.hold(a.connection.create_channel("mesh"))
    offer = await a.connection.offer()
    await gathered(a)
    without = "".join(f"{x}\r\n" for x in offer.splitlines() if not x.startswith("a=candidate"))
    inside = [x[2:] for x in offer.splitlines() if x.startswith("a=candidate")]
    early = [Candidate(x) for x in inside] + [c for c in a.candidates if c]
    for candidate in early:
        await b.connection.add_candidate(candidate)
    trickle(b, a)
    async with asyncio.timeout(SECONDS):
        await a.connection.accept(await b.connection.answer(without))
        await a.opened.wait()
        await b.opened.wait()
    assert early
    await asyncio.gather(a.connection.close(), b.connection.close())


@each_engine
async def test_early_candidates_are_bounded(name):
    connection = await load(name).connection()
    candidate = Candidate("candidate:1 1 udp 1 192.0.2.9 5000 typ host")
    for _ in range(EARLY_CANDIDATES):
        await connection.add_candidate(candidate)
    with pytest.raises(EngineRefused):
        await connection.add_candidate(candidate)
    await connection.close()


@each_engine
async def test_bad_descriptions_and_candidates_are_refused_as_such(name):
    engine = load(name)
    a, b = await ends(engine, engine)
    for text in ("", "v=0", "v=0\r\nm=application x", "\x00" * 50):
        with pytest.raises(EngineRefused) as refused:
            await b.connection.answer(text)
        assert refused.value.reason == "bad_description"
    await connect(a, b)
    with pytest.raises(EngineRefused) as refused:
        await a.connection.add_candidate(Candidate("candidate:nonsense"))
    assert refused.value.reason == "bad_candidate"
    await engine.close()
    assert a.closed.is_set()
    assert b.closed.is_set()
    with pytest.raises(EngineRefused) as refused:
        a.connection.create_channel("more")
    assert refused.value.reason == "closed"


@each_engine
async def test_a_peer_that_talks_before_anyone_listens_is_held_then_cut(name):
    engine = load(name)
    a, b = await ends(engine, engine)
    opened = asyncio.Event()
    mute: list[Channel] = []

    def keep(channel: Channel) -> None:
        mute.append(channel)
        channel.on_close = b.closed.set
        opened.set()

    b.connection.on_channel = keep
    b.opened.set()
    await connect(a, b)
    async with asyncio.timeout(SECONDS):
        await opened.wait()
        for n in range(3):
            a.send(bytes([n]))
        a.send(b"x" * EARLY_BYTES)
        await a.closed.wait()
        await b.closed.wait()
    heard: list[bytes] = []
    mute[0].on_message = heard.append
    assert heard == [b"\x00", b"\x01", b"\x02"]
    await engine.close()


@each_engine
async def test_low_water_is_told(name):
    async with linked(*engines((name, name))) as (a, b):
        low = asyncio.Event()
        a.channel.low_threshold = 100_000
        a.channel.on_low = low.set
        assert a.channel.low_threshold == 100_000
        for _ in range(40):
            a.send(b"x" * 60_000)
        assert a.channel.buffered > 100_000
        async with asyncio.timeout(SECONDS):
            await low.wait()
        assert a.channel.buffered <= 100_000
        await b.frames_to(40)


@each_engine
async def test_a_full_engine_refuses_and_loses_nothing(name):
    async with linked(*engines((name, name))) as (a, b):
        taken = 0
        with pytest.raises(EngineRefused) as refused:
            for _ in range(200):
                a.send(b"x" * 250_000)
                taken += 1
        assert refused.value.reason == "full"
        assert 60 < taken < 80
        assert len(await b.frames_to(taken)) == taken


@each_engine
async def test_a_channel_that_never_opened_still_ends_once(name):
    connection: Connection = await load(name).connection()
    channel = connection.create_channel("mesh")
    ends_seen: list[int] = []
    channel.on_close = lambda: ends_seen.append(1)
    with pytest.raises(EngineRefused) as refused:
        channel.send(b"early")
    assert refused.value.reason == "closed"
    await connection.close()
    await connection.close()
    assert ends_seen == [1]
    assert channel.state == "closed"
    assert await connection.stats() is None
    assert connection.remote_fingerprint() is None


def test_a_relayed_end_makes_the_tier_turn():
    assert tier_of("host", "srflx") == tier_of("prflx", "host") == "direct"
    assert tier_of("relay", "host") == tier_of("srflx", "relay") == "turn"
