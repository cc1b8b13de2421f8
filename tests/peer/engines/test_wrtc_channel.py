"""The short way through the library and the public one do the same."""

import asyncio

import pytest

from chatixia.core.sdp import MAX_MESSAGE
from chatixia.peer.engines import wrtc_channel
from chatixia.peer.engines.base import EngineRefused
from chatixia.peer.engines.wrtc import PINNED, WrtcEngine
from tests.peer.engines.pair import SECONDS, linked

ways = pytest.mark.parametrize("quick", (True, False), ids=("quick", "public"))


def test_the_short_way_is_for_the_pinned_release_alone():
    engine = WrtcEngine()
    assert engine.version == PINNED
    assert engine._quick


@ways
async def test_frames_bounds_and_low_water(quick):
    engine = WrtcEngine(quick=quick)
    async with linked(engine, engine) as (a, b):
        assert (type(a.channel.native) is wrtc_channel._Quick) is quick
        low = asyncio.Event()
        a.channel.low_threshold, a.channel.on_low = 1000, low.set
        sent = [bytes([n]) * 9_000 for n in range(100)]
        for data in sent:
            a.send(data)
        async with asyncio.timeout(SECONDS):
            await low.wait()
        for data in (b"x" * (MAX_MESSAGE + 1), b"y" * 400_000):
            with pytest.raises(EngineRefused) as refused:
                a.send(data)
            assert refused.value.reason == "too_large"
        assert await b.frames_to(100) == sent
        b.send(b"back")
        assert await a.frames_to(1) == [b"back"]
        async with asyncio.timeout(SECONDS):
            await a.channel.drained()
        assert a.channel.buffered == 0


@ways
async def test_a_frame_that_is_no_bytes_is_our_own_mistake(quick):
    engine = WrtcEngine(quick=quick)
    async with linked(engine, engine) as (a, _):
        with pytest.raises(TypeError):
            a.send(17)


@ways
async def test_text_arrives_as_text(quick):
    engine = WrtcEngine(quick=quick)
    async with linked(engine, engine) as (a, b):
        a.channel.native.send("grüße")
        assert await b.frames_to(1) == ["grüße"]


async def test_nothing_is_left_behind():
    engine = WrtcEngine()
    async with linked(engine, engine) as (a, b):
        assert len(wrtc_channel._readers) == 2
        a.channel.close()
        async with asyncio.timeout(SECONDS):
            await b.closed.wait()
            await a.closed.wait()
        assert wrtc_channel._readers == {}


async def test_a_reader_that_raises_is_reported_and_the_next_frame_comes(caplog):
    engine = WrtcEngine()
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
    async with linked(engine, engine) as (a, b):

        def reader(data):
            b.receive(data)
            if data == b"1":
                raise ValueError("mine")

        b.channel.on_message = reader
        for data in (b"0", b"1", b"2"):
            a.send(data)
        assert await b.frames_to(3) == [b"0", b"1", b"2"]
    assert [str(what["exception"]) for what in reported] == ["mine"]
