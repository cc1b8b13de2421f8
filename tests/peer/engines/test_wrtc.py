"""What only wrtc does: renewed certificates, trickled candidates, loopback."""

import asyncio
import gc
import os
import pathlib
import subprocess
import sys
import textwrap
import weakref

import pytest
import webrtc

from chatixia.core import sdp
from chatixia.peer.engines.base import Candidate, EngineRefused, IceServer
from chatixia.peer.engines.wrtc import WrtcEngine, configuration
from chatixia.world import REAL, RealWorld
from tests.peer.engines.pair import End, ends, gathered, linked
from tests.until import until


async def test_a_certificate_of_three_seconds_is_renewed_and_living_links_keep_theirs():
    engine = WrtcEngine(certificate_life=3.0)
    async with linked(engine, engine) as (a, b):
        old = a.connection._certificate
        await until(lambda: old.expires / 1000 <= engine._world.wall())
        with pytest.raises(webrtc.InvalidAccessError):
            webrtc.RTCPeerConnection(configuration((), False, old))
        async with linked(engine, engine) as (c, d):
            assert c.connection.local_fingerprint() != a.connection.local_fingerprint()
            assert d.connection.remote_fingerprint() == c.connection.local_fingerprint()
        a.send(b"still here")
        assert await b.frames_to(1) == [b"still here"]


async def test_the_certificate_is_kept_for_half_its_life():
    class Clock(RealWorld):
        now = 0.0

        def wall(self):
            return REAL.wall() + self.now

    engine = WrtcEngine(world=Clock(), certificate_life=1000.0)
    first = await engine._valid_certificate()
    engine._world.now = 490.0
    assert await engine._valid_certificate() is first
    engine._world.now = 510.0
    assert await engine._valid_certificate() is not first


async def test_candidates_follow_the_offer_and_none_comes_before_it():
    engine = WrtcEngine()
    a, b = await ends(engine, engine)
    a.connection.create_channel("mesh")
    offer = await a.connection.offer()
    assert a.candidates == []
    assert sdp.scan(offer).candidates == ()
    await gathered(a)
    assert a.candidates[-1] is None
    assert all(sdp.check_candidate(c.candidate) is None for c in a.candidates[:-1])
    assert len(a.candidates) > 1
    await engine.close()
    assert a.states[-1] == b.states[-1] == "closed"


async def test_a_close_under_a_pending_operation_is_a_refusal_and_no_cancellation():
    engine = WrtcEngine()
    connection = await engine.connection()
    connection.create_channel("mesh")
    pending = asyncio.ensure_future(connection.offer())
    await asyncio.sleep(0)
    await connection.close()
    with pytest.raises(EngineRefused) as refused:
        await pending
    assert refused.value.reason == "closed"


async def test_servers_that_are_none_are_refused():
    engine = WrtcEngine()
    with pytest.raises(EngineRefused):
        await engine.connection([IceServer(["http://192.0.2.1"])])
    with pytest.raises(EngineRefused):
        await engine.connection([IceServer(["turn:192.0.2.1"])])


async def test_relay_only_gathers_nothing_without_a_relay():
    engine = WrtcEngine()
    end = End(await engine.connection(relay_only=True))
    end.connection.create_channel("mesh")
    await end.connection.offer()
    assert await gathered(end) == [None]
    await engine.close()


async def test_a_late_candidate_after_the_end_is_taken():
    engine = WrtcEngine()
    async with linked(engine, engine) as (a, _):
        await a.connection.add_candidate(None)
        await a.connection.add_candidate(
            Candidate("candidate:9 1 udp 1 192.0.2.9 5000 typ host generation 0")
        )


async def test_a_forked_child_is_refused(monkeypatch):
    engine = WrtcEngine()
    engine._process = os.getpid() + 1
    with pytest.raises(EngineRefused):
        await engine.connection()


ROOT = pathlib.Path(__file__).parents[3]
ALONE = """
    import asyncio, sys
    sys.path[:0] = sys.argv[2:]
    from chatixia.peer.engines import load
    from tests.peer.engines.pair import linked

    async def main():
        one, two = (load(name) for name in sys.argv[1].split("-"))
        async with linked(one, two) as (a, b):
            a.send(b"hello")
            assert await b.frames_to(1) == [b"hello"]
            # Hidden until the candidate that a check found was told of, too.
            while not (stats := await a.connection.stats()).remote_addr:
                await asyncio.sleep(0.005)
            both = stats.local_addr, stats.remote_addr
            print(stats.tier, *(address.rpartition(":")[0] for address in both))
        await asyncio.gather(one.close(), two.close())

    asyncio.run(main())
"""


@pytest.mark.root
@pytest.mark.parametrize("names", ("wrtc-wrtc", "wrtc-aiortc", "aiortc-aiortc"))
async def test_a_host_with_only_loopback_links_over_it(names):
    run = [sys.executable, "-c", textwrap.dedent(ALONE), names, str(ROOT), str(ROOT / "src")]
    said = await asyncio.to_thread(
        subprocess.run,
        ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *run],
        capture_output=True,
        text=True,
        timeout=60,
    )
    tier, *addresses = said.stdout.split() or [said.stderr]
    assert tier == "direct"
    assert len(addresses) == 2
    assert set(addresses) <= {"127.0.0.1", "[::1]"}


async def test_no_loopback_candidate_where_there_is_another_address():
    engine = WrtcEngine(loopback=False)
    end = End(await engine.connection())
    end.connection.create_channel("mesh")
    await end.connection.offer()
    told = [c.candidate for c in await gathered(end) if c]
    assert not any(" 127.0.0.1 " in text or " ::1 " in text for text in told)
    await engine.close()


@pytest.mark.parametrize("answered", [True, False])
async def test_a_closed_connection_is_freed_without_the_collector(answered):
    """Its native half is large, and the collector, which does not see that, comes seldom."""
    engine = WrtcEngine()
    gc.collect()
    gc.disable()
    try:
        kept = await used_and_closed(engine, answered)
        # the engine's own threads let go a little later
        await until(lambda: not any(ref() for ref in kept), 10)
    finally:
        gc.enable()


async def used_and_closed(engine, answered):
    a, b = await ends(engine, engine)
    a.hold(a.connection.create_channel("mesh"))
    offer = await a.connection.offer()
    if answered:
        await a.connection.accept(await b.connection.answer(offer))
        for source, target in ((a, b), (b, a)):
            for candidate in await gathered(source):  # none is under way when it ends
                await target.connection.add_candidate(candidate)
        await a.opened.wait()
        a.send(b"x")
        await b.opened.wait()
        await b.frames_to(1)
    await asyncio.gather(a.connection.close(), b.connection.close())
    parts = (a, b, a.connection, b.connection, a.connection.native, b.connection.native)
    return [weakref.ref(part) for part in parts]
