"""Open links under watch: real engines, with silence made by hand and the clock pushed on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.peer.engines.base import PathStats
from chatixia.peer.links.host_watch import HostWatch
from chatixia.peer.links.monitor import READINGS_AT_ONCE
from chatixia.world import REAL, RealWorld
from tests.peer.relay import Node, nodes
from tests.until import until


class Clock(RealWorld):
    """Real time that a test may push on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return REAL.monotonic() + self.ahead


def freeze(node: Node, peer: str, rising: bool) -> None:
    """The engine's witness stands still, or rises with each question."""
    attempt = node.driver.peers[peer].open
    assert attempt and attempt.connection
    asked = [0.0]

    async def stats() -> PathStats:
        asked[0] += rising
        return PathStats("direct", "host", "host", "a", "b", last_answer=asked[0])

    attempt.connection.stats = stats  # type: ignore[method-assign]


async def pass_time(node: Node, clock: Clock, seconds: float) -> None:
    """Ticks of half a second, each with its turn of the loop for what it started."""
    for _ in range(int(seconds / 0.5)):
        clock.ahead += 0.5
        node.driver.monitor.tick(clock.monotonic())
        for _ in range(5):
            await asyncio.sleep(0)


async def silent_pair(made: tuple[Any, ...], clock: Clock, rising: bool) -> tuple[Node, Node]:
    """Alice's path to Bob, who answers nothing from now on."""
    _, alice, bob = made
    await alice.driver.monitor.stop()
    await alice.open(bob)
    bob.listener.answers = False
    freeze(alice, "bob", rising)
    alice.driver.monitor.last_tick = clock.monotonic()
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
        await pass_time(alice, clock, 7.5)  # idle: the ping goes after 4 s
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
        await pass_time(alice, clock, 10)
        assert alice.listener.lost


async def test_my_own_late_timer_judges_nobody():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, _ = await silent_pair(made, clock, rising=False)
        for _ in range(10):
            clock.ahead += 60
            alice.driver.monitor.tick(clock.monotonic())
        assert not alice.listener.detached


async def test_pings_keep_a_quiet_link_alive():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as (_, alice, bob):
        await alice.open(bob)
        before = alice.listener.paths["bob"].frame_at
        for _ in range(9):
            clock.ahead += 0.5
            alice.driver.monitor.tick(clock.monotonic())
        await alice.listener.until(lambda: alice.listener.paths["bob"].frame_at > before)
        assert alice.driver.report()


@pytest.mark.parametrize("tier", ["direct", "turn"])
async def test_the_tier_follows_the_selected_pair(tier):
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
        peer = alice.driver.peers["bob"]

        async def stats() -> PathStats:
            return PathStats(tier, "relay" if tier == "turn" else "host", "host", "a", "b")

        peer.open.connection.stats = stats
        await alice.driver.monitor._read_stats(peer)
        assert alice.driver.report()[0].tier == tier == alice.listener.paths["bob"].tier


async def test_a_process_that_comes_after_a_killed_one_is_told_to_the_mesh():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        alice.listener.returned.clear()
        alice.driver.signaling.present("bob", "f" * 16)  # joined before the verdict on the old one
        assert alice.listener.returned == ["bob"]
        alice.driver.effects.depart(alice.driver.peers["bob"])
        assert alice.listener.lost and alice.listener.returned == ["bob", "bob"]


async def test_the_engine_is_asked_about_a_link_that_was_used_or_seldom():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, _ = await silent_pair(made, clock, rising=True)
        monitor, listener, asked = alice.driver.monitor, alice.listener, []
        monitor.ask_engine = lambda peer: asked.append(clock.monotonic())
        listener.answers = True

        def pass_and_hear(seconds: float) -> None:
            for _ in range(int(seconds / 0.5)):
                clock.ahead += 0.5
                listener.paths["bob"].frame_at = clock.monotonic()
                monitor.tick(clock.monotonic())

        pass_and_hear(50)
        assert asked == []
        listener.count += 1  # a call
        pass_and_hear(6)
        assert len(asked) == 1
        pass_and_hear(40)
        assert len(asked) == 1
        pass_and_hear(30)
        assert len(asked) == 2


async def test_a_host_with_other_addresses_opens_new_paths_beside_the_old_ones():
    clock = Clock()
    async with nodes("alice", "bob", "carol", world=clock) as (_, alice, bob, carol):
        await alice.open(bob)
        await bob.open(carol)
        for node, others in ((alice, [bob]), (bob, [alice, carol])):
            await node.driver.monitor.stop()
            here = ["10.0.0.1"]
            node.driver.monitor.host = HostWatch(clock, lambda here=here: frozenset(here))
            here[:] = ["10.0.0.2"]
            attached = len(node.listener.attached)
            clock.ahead += 15
            node.driver.monitor.last_tick = clock.monotonic()
            node.driver.monitor.tick(clock.monotonic())
            assert node.driver.effects.signals.doubts == 1
            await node.listener.until(
                lambda: len(node.listener.attached) == attached + len(others)  # noqa: B023
            )
            assert not node.listener.lost
        assert not alice.listener.refusals


async def test_after_a_sleep_links_and_login_are_asked_at_once():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as (_, alice, bob):
        await alice.open(bob)
        await alice.driver.monitor.stop()
        alice.driver.monitor.host._asleep -= 3600
        alice.driver.monitor.tick(clock.monotonic())
        assert alice.driver.peers["bob"].witnesses.probed_at
        assert alice.driver.effects.signals.doubts == 1
        alice.driver.monitor.tick(clock.monotonic())
        assert alice.driver.effects.signals.doubts == 1


async def test_only_a_few_questions_to_the_engine_are_under_way():
    async with nodes("alice", *(f"b{n}" for n in range(READINGS_AT_ONCE + 2))) as (_, alice, *more):
        await alice.driver.monitor.stop()
        asked, answer = [], asyncio.Event()

        async def slow() -> None:
            asked.append(1)
            await answer.wait()

        for other in more:
            await alice.open(other)
            alice.driver.peers[other.id].open.read_stats = slow
        for _ in range(3):
            for other in more:
                alice.driver.monitor.ask_engine(alice.driver.peers[other.id])
                await asyncio.sleep(0)
        assert len(asked) == READINGS_AT_ONCE
        answer.set()
        await until(lambda: len(asked) == len(more))


async def test_a_path_is_not_down_because_the_engine_is_late():
    clock = Clock()
    async with nodes("alice", "bob", world=clock) as made:
        alice, _ = await silent_pair(made, clock, rising=False)
        answer = asyncio.Event()
        reading = alice.driver.peers["bob"].open.connection.stats

        async def late() -> PathStats:
            await answer.wait()
            return await reading()

        alice.driver.peers["bob"].open.connection.stats = late
        await pass_time(alice, clock, 12)
        assert not alice.listener.detached
        answer.set()
        await pass_time(alice, clock, 6)
        assert alice.listener.detached == ["bob"]
