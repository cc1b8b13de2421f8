"""What only aiortc does."""

import asyncio
import socket
import time

import pytest

from chatixia.core import sdp
from chatixia.errors import ConfigError
from chatixia.peer.engines import aiortc
from chatixia.peer.engines.aiortc import AiortcEngine
from chatixia.peer.engines.base import Candidate, IceServer
from tests.peer.engines.pair import SECONDS, End, linked


async def test_its_other_fingerprints_are_stripped_and_its_candidates_are_inside():
    engine = AiortcEngine()
    end = End(await engine.connection())
    end.connection.create_channel("mesh")
    offer = await end.connection.offer()
    found = sdp.scan(offer)
    assert found.fingerprint == end.connection.local_fingerprint()
    assert found.candidates
    assert "sha-384" in end.connection.native.localDescription.sdp
    await asyncio.sleep(0)
    assert end.candidates == [None]
    await engine.close()


async def test_it_has_no_witness_of_silence():
    async with linked(AiortcEngine(), AiortcEngine()) as (a, _):
        stats = await a.connection.stats()
        assert stats.last_answer is None
        assert stats.rtt_ms is None


async def test_a_late_candidate_after_the_end_is_taken():
    async with linked(AiortcEngine(), AiortcEngine()) as (a, _):
        await a.connection.add_candidate(None)
        late = Candidate("candidate:9 1 udp 1 192.0.2.9 5000 typ host")
        await a.connection.add_candidate(late)
        agent = a.connection.native.sctp.transport.transport._connection
        assert any(c.host == "192.0.2.9" for c in agent.remote_candidates)


async def test_another_release_is_refused(monkeypatch):
    monkeypatch.setattr(aiortc, "PINNED", "1.15.0")
    with pytest.raises(ConfigError, match=r"needs aiortc 1\.15\.0"):
        AiortcEngine()


async def test_no_server_is_asked_that_nobody_named():
    engine = AiortcEngine()
    connection = await engine.connection()
    connection.create_channel("mesh")
    agent = connection.native.sctp.transport.transport._connection
    assert agent.stun_server is None
    assert agent.turn_server is None
    await engine.close()


async def test_of_several_relays_the_one_over_tcp_is_used():
    engine = AiortcEngine()
    urls = ["turn:192.0.2.1:3478", "turn:192.0.2.1:443?transport=tcp"]
    connection = await engine.connection([IceServer(urls, "u", "c")], relay_only=True)
    connection.create_channel("mesh")
    agent = connection.native.sctp.transport.transport._connection
    assert (agent.turn_server, agent.turn_transport) == (("192.0.2.1", 443), "tcp")
    await engine.close()


async def test_silent_servers_hold_a_description_up_for_a_while():
    """Not for the 5 s that a call waits for a link."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"stun:127.0.0.1:{silent.getsockname()[1]}"
        engine = AiortcEngine(loopback=True)
        connection = await engine.connection([IceServer([url])])
        connection.create_channel("mesh")
        began = time.monotonic()
        assert "a=candidate" in await connection.offer()
        assert time.monotonic() - began < 4
        await engine.close()


async def test_a_peer_that_closes_ends_the_channel():
    async with linked(AiortcEngine(), AiortcEngine()) as (a, b):
        await b.connection.close(drain=0)
        async with asyncio.timeout(SECONDS):
            await a.closed.wait()
