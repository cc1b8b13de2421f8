"""Reports of the open links, with real engines."""

from __future__ import annotations

import asyncio

from chatixia.world import REAL
from tests.peer.relay import nodes
from tests.until import until


async def test_reports_carry_what_the_engine_counts():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        before = alice.driver.report()[0].bytes_sent
        for _ in range(50):
            alice.listener.paths["bob"].send(b"x" * 10_000)
        await bob.listener.until(lambda: len(bob.listener.frames) == 50)
        alice.driver.monitor.tick(REAL.monotonic() + 6)
        async with asyncio.timeout(20):
            while alice.driver.report()[0].bytes_sent < before + 500_000:
                alice.driver.monitor.ask_engine(alice.driver.peers["bob"])
                await asyncio.sleep(0.02)
        report = alice.driver.report()[0]
        assert (report.tier, report.local, report.remote) == ("direct", "host", "host")
        assert report.calls == alice.listener.calls("bob") == 7
        assert report.remote_addr.rpartition(":")[2].isdigit()
        assert relay.links["alice"].links[0].link == report.link


async def test_a_round_trip_that_the_engine_does_not_measure_is_timed_by_our_ping():
    async with nodes("alice@aiortc", "bob") as (_, alice, bob):
        await alice.open(bob)
        assert alice.driver.peers["bob"].stats.rtt_ms is None
        assert alice.driver.report()[0].rtt_ms == alice.listener.round_trip("bob")
        assert bob.driver.report()[0].rtt_ms != bob.listener.round_trip("alice") is None


async def test_the_links_are_told_to_the_registry():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        await until(lambda: relay.links.get("alice") and relay.links.get("bob"))
        [one], [two] = relay.links["alice"].links, relay.links["bob"].links
        assert one.link == two.link and one.peer == "bob" and one.attempts == 1
