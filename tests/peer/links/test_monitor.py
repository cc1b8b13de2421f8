"""Open links under watch: real engines, with silence made by hand and the clock pushed on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.peer.engines.base import PathStats
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


def freeze(node: Node, peer: str, rising: bool) -> None:
    """The engine's witness stands still, or rises with each question."""
    birth = node.driver.peers[peer].open
    assert birth and birth.connection
    asked = [0.0]

    async def stats() -> PathStats:
        asked[0] += rising
        return PathStats("direct", "host", "host", "a", "b", last_heard=asked[0])

    birth.connection.stats = stats  # type: ignore[method-assign]


async def pass_time(node: Node, clock: Clock, seconds: float) -> None:
    """Ticks of half a second, each with its turn of the loop for what it started."""
    for _ in range(int(seconds / 0.5)):
        clock.ahead += 0.5
        node.driver.tick(clock.monotonic())
        for _ in range(5):
            await asyncio.sleep(0)


async def silent_pair(made: tuple[Any, ...], clock: Clock, rising: bool) -> tuple[Node, Node]:
    """Alice's path to Bob, who answers nothing from now on."""
    _, alice, bob = made
    await alice.driver.end_watching()
    await alice.open(bob)
    bob.listener.answers = False
    freeze(alice, "bob", rising)
    alice.driver._last = clock.monotonic()
    return alice, bob


async def test_a_blocked_loop_for_a_minute_and_nobody_is_declared_dead():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, _ = await silent_pair(made, clock, rising=True)
        await pass_time(alice, clock, 60)
        assert not alice.listener.detached and not alice.listener.lost
        assert alice.driver.report()


async def test_a_path_without_a_sign_for_four_seconds_is_replaced():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, _ = await silent_pair(made, clock, rising=False)
        await pass_time(alice, clock, 5.5)
        assert not alice.listener.detached
        await pass_time(alice, clock, 2)
        assert alice.listener.detached == ["bob"] and not alice.listener.lost
        await alice.listener.until(lambda: len(alice.listener.attached) == 2)


async def test_a_closed_socket_and_silence_are_gone_within_five_seconds():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, bob = await silent_pair(made, clock, rising=False)
        made[0].leave(bob)
        await asyncio.sleep(0)
        await pass_time(alice, clock, 2.5)
        assert not alice.listener.lost
        await pass_time(alice, clock, 1.5)
        assert alice.listener.lost == [("bob", bob.me.incarnation)]
        assert not alice.driver.report()


async def test_a_closed_socket_alone_ends_nothing():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, bob = await silent_pair(made, clock, rising=True)
        made[0].leave(bob)
        await asyncio.sleep(0)
        await pass_time(alice, clock, 20)
        assert not alice.listener.lost and alice.driver.report()


async def test_without_the_registry_a_silent_peer_is_waited_for_thirty_seconds():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, _ = await silent_pair(made, clock, rising=False)
        made[0].cut()
        await pass_time(alice, clock, 30)
        assert not alice.listener.lost
        await pass_time(alice, clock, 8)
        assert alice.listener.lost


async def test_my_own_late_timer_judges_nobody():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, _ = await silent_pair(made, clock, rising=False)
        for _ in range(10):
            clock.ahead += 60
            alice.driver.tick(clock.monotonic())
        assert not alice.listener.detached


async def test_pings_keep_a_quiet_link_alive():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as (_, alice, bob):
        await alice.open(bob)
        heard = alice.listener.last_frame_at("bob")
        for _ in range(6):
            clock.ahead += 0.5
            alice.driver.tick(clock.monotonic())
        await alice.listener.until(lambda: alice.listener.last_frame_at("bob") > heard)
        assert alice.driver.report()


async def test_reports_carry_what_the_engine_counts():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        before = alice.driver.report()[0].bytes_sent
        for _ in range(50):
            alice.listener.paths["bob"].send(b"x" * 10_000)
        await bob.listener.until(lambda: len(bob.listener.frames) == 50)
        alice.driver.tick(REAL.monotonic() + 6)
        async with asyncio.timeout(20):
            while alice.driver.report()[0].bytes_sent < before + 500_000:
                alice.driver._ask_engine(alice.driver.peers["bob"])
                await asyncio.sleep(0.02)
        report = alice.driver.report()[0]
        assert (report.tier, report.local, report.remote) == ("direct", "host", "host")
        assert report.calls == alice.listener.calls("bob") == 7
        assert report.remote_addr.rpartition(":")[2].isdigit()
        assert relay.links["alice"].links[0].link == report.link


@pytest.mark.parametrize("tier", ["direct", "turn"])
async def test_the_tier_follows_the_selected_pair(tier):
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
        peer = alice.driver.peers["bob"]

        async def stats() -> PathStats:
            return PathStats(tier, "relay" if tier == "turn" else "host", "host", "a", "b")

        peer.open.connection.stats = stats
        await alice.driver._read_stats(peer)
        assert alice.driver.report()[0].tier == tier == alice.listener.paths["bob"].tier


async def test_a_round_trip_that_the_engine_does_not_measure_is_timed_by_our_ping():
    async with nodes("alice@aiortc", "bob") as (_, alice, bob):
        await alice.open(bob)
        assert alice.driver.peers["bob"].stats.rtt_ms is None
        assert alice.driver.report()[0].rtt_ms == alice.listener.round_trip("bob")
        assert bob.driver.report()[0].rtt_ms != bob.listener.round_trip("alice") is None


def later(node: Node, clock: Clock, seconds: float) -> None:
    """A tick that comes so much later, and on time."""
    clock.ahead += seconds
    node.driver._last = clock.monotonic()
    node.driver.tick(clock.monotonic())


@pytest.mark.parametrize(
    ("who", "seconds"), [("bob", 120), (client("bob~abcdef", machine("bob")), 5)]
)
async def test_a_peer_that_is_gone_is_forgotten_after_a_while_and_attempts_go_on(who, seconds):
    clock = Clock()
    async with nodes("alice", who, world=clock) as (relay, alice, bob):
        await alice.open(bob)
        used = alice.driver.peers[bob.id].link.attempt
        await alice.driver.end_watching()
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
        assert alice.driver._peer(bob.id).link.attempt >= used > 0


async def test_a_peer_that_is_barred_is_not_forgotten():
    clock = Clock()
    async with nodes("alice", world=clock) as (_, alice):
        await alice.driver.end_watching()
        alice.driver._peer("bob~abcdef").link.bar(clock.monotonic())
        later(alice, clock, 0)
        later(alice, clock, 59)
        assert "bob~abcdef" in alice.driver.peers
        later(alice, clock, 7)
        assert not alice.driver.peers


async def test_a_process_that_comes_after_a_killed_one_is_told_to_the_mesh():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        alice.listener.returned.clear()
        alice.driver._present("bob", "f" * 16)  # joined before the verdict on the old one
        assert alice.listener.returned == ["bob"]
        alice.driver.declare_gone(alice.driver.peers["bob"])
        assert alice.listener.lost and alice.listener.returned == ["bob", "bob"]
