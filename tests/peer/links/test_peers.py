"""What is held of a peer, and when it is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.wire.signaling import PeerInfo, PeerJoined
from chatixia.world import REAL, RealWorld
from tests.core.circle import client, machine
from tests.peer.relay import Node, nodes


class Clock(RealWorld):
    """Real time that a test may push on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return REAL.monotonic() + self.ahead


def later(node: Node, clock: Clock, seconds: float) -> None:
    """A tick that comes so much later, and on time."""
    clock.ahead += seconds
    node.driver.monitor.last_tick = clock.monotonic()
    node.driver.monitor.tick(clock.monotonic())


@pytest.mark.parametrize(
    ("who", "seconds"), [("bob", 120), (client("bob~abcdef", machine("bob")), 5)]
)
async def test_a_peer_that_is_gone_is_forgotten_after_a_while_and_attempts_go_on(who, seconds):
    clock = Clock()
    async with nodes("alice", who, world=clock) as (relay, alice, bob):
        await alice.open(bob)
        used = alice.driver.peers[bob.id].link.attempt
        await alice.driver.monitor.stop()
        relay.leave(bob, clean=True)
        await bob.driver.stop()
        await alice.listener.until(lambda: not alice.listener.paths)
        later(alice, clock, 4)  # gone
        later(alice, clock, 1)  # quiet from here on
        alice.listener.busy.add(bob.id)
        later(alice, clock, seconds + 1)
        assert bob.id in alice.driver.peers  # something of it is in use
        alice.listener.busy.clear()
        later(alice, clock, 0)
        assert bob.id not in alice.driver.peers and alice.listener.forgotten
        assert alice.driver.peers.require(bob.id).link.attempt >= used > 0


async def test_a_peer_that_is_barred_is_not_forgotten():
    clock = Clock()
    async with nodes("alice", world=clock) as (_, alice):
        await alice.driver.monitor.stop()
        alice.driver.peers.require("bob~abcdef").link.guard.bar(clock.monotonic())
        later(alice, clock, 0)
        later(alice, clock, 59)
        assert "bob~abcdef" in alice.driver.peers
        later(alice, clock, 7)
        assert not alice.driver.peers


async def test_peers_are_forgotten_when_there_are_too_many():
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
        for n in range(5000):
            alice.take(PeerJoined(PeerInfo(f"n{n}", "0" * 16)))
        await asyncio.sleep(0.05)
        assert len(alice.driver.peers) <= 4096 and alice.driver.report()


async def test_the_link_half_of_a_record_is_all_that_the_links_forget():
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
        records = alice.driver.records
        records.get("bob").session = "of the mesh"
        alice.driver.peers.forget(alice.driver.peers["bob"])
        assert "bob" not in alice.driver.peers and records.get("bob").session == "of the mesh"
        with pytest.raises(KeyError):
            alice.driver.peers["bob"]
