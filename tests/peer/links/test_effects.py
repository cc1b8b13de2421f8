"""Links that die, are replaced, stopped or closed by agreement, with real engines."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from chatixia.core.paths import DIRECT, PathKind
from chatixia.errors import Unreachable
from chatixia.peer.links.attempt import LinkAttempt
from chatixia.peer.links.path import LinkPath
from chatixia.wire.signaling import Answer, Offer
from tests.core.circle import agent
from tests.peer.relay import Node, Relay, nodes
from tests.until import until

ENGINES = ("wrtc", "aiortc")
SPARE = PathKind("spare", {"relay": 2}, delay=0.1, either=True)


class SpareAttempt(LinkAttempt):
    """A path of another kind, which opens as soon as it is tried and leads nowhere."""

    hello = SimpleNamespace(a=0)
    trouble = likely = ""

    async def offer(self):
        self.open = True
        self._host.verified(self)

    def path(self, on_bye, on_close):
        return LinkPath(SpareChannel(), "relay", "", 1.0, on_bye, on_close)

    def replay(self):
        pass


class SpareChannel:
    buffered, max_message = 0, 1 << 18
    on_message = on_low = None

    def send(self, data):
        pass


# -- deaths


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_connection_that_dies_is_followed_by_another_under_the_same_session(engine):
    async with nodes("alice", "bob", engine=engine) as (_, alice, bob):
        bob.listener.a["alice"] = 7
        await alice.open(bob)
        for n in range(2, 5):
            (alice, bob)[n % 2].driver.cut(("bob", "alice")[n % 2])
            await alice.listener.until(lambda n=n: len(alice.listener.attached) == n)
            await bob.listener.until(lambda n=n: len(bob.listener.attached) == n)
        assert alice.listener.attached[-1] == ("bob", bob.me.incarnation, 7)
        assert alice.listener.lost == bob.listener.lost == []


async def test_without_the_registry_links_stay():
    async with nodes("alice", "bob", keep=0) as (relay, alice, bob):
        await alice.open(bob)
        relay.cut()
        alice.driver.peers["bob"].used_at -= 100
        alice.driver.monitor.tick(alice.driver.world.monotonic())
        alice.listener.paths["bob"].send(b"still")
        await bob.listener.until(lambda: bob.listener.frames)
        relay.heal()
        assert alice.listener.detached == bob.listener.detached == []


async def test_a_new_process_of_a_peer_takes_the_links_place():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        relay.nodes.pop("bob")
        again = Node(relay, agent("bob").me(incarnation="ab" * 8))
        try:
            await again.start()
            again.driver.want("alice")
            await alice.listener.until(lambda: len(alice.listener.attached) == 2)
            assert alice.listener.attached[-1][1] == "ab" * 8
            assert len(alice.driver.report()) == 1
        finally:
            await again.driver.stop()


async def test_a_clean_stop_is_gone_at_once():
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
        await bob.driver.stop()
        await alice.listener.until(lambda: alice.listener.lost)
        assert alice.listener.lost == [("bob", bob.me.incarnation)]
        assert not alice.driver.peers["bob"].attempts


async def test_nothing_is_left_after_a_stop():
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
        alice.driver.cut("bob")
        await asyncio.gather(alice.driver.stop(), bob.driver.stop())
        for node in (alice, bob):
            assert not node.driver.effects.tasks and not node.driver.peers
            assert not node.driver.engine._open


async def test_a_try_without_an_answer_ends_by_its_deadline():
    relay = Relay()
    relay.bend.drop(Answer)
    async with nodes("alice", "bob", relay=relay) as (_, alice, bob):
        alice.driver.want("bob")
        await until(lambda: relay.of(Answer))
        for node, other in ((alice, "bob"), (bob, "alice")):
            node.driver.peers[other].link.trying.since -= 8
            node.driver.monitor.tick(node.driver.world.monotonic())
        assert isinstance(await alice.refusal(), Unreachable)
        assert not bob.driver.peers["alice"].attempts


# -- two kinds of paths


async def test_a_better_path_that_must_stand_is_read_and_used_when_the_peer_uses_it():
    relay = Relay()
    relay.bend.hold(Offer)
    async with nodes("bob", relay=relay) as (_, bob):
        alice = Node(relay, agent("alice").me())
        alice.driver.peers.kinds = (DIRECT, SPARE)
        alice.driver.effects.attempt_types["spare"] = SpareAttempt
        try:
            await alice.start()
            await alice.driver.monitor.stop()  # the start of the worse kind waits for no tick
            alice.driver.want("bob")
            await alice.listener.until(lambda: alice.listener.attached)
            assert [each.tier for each in alice.driver.report()] == ["relay"]
            alice.driver.peers["bob"].link.slots[0].hold = 60.0
            relay.bend.release()
            await alice.listener.until(lambda: alice.listener.read_beside)
            assert [each.tier for each in alice.driver.report()] == ["relay"]
            bob.listener.paths["alice"].send(b"by the better one")
            await alice.listener.until(lambda: alice.listener.frames)
            alice.driver.monitor.tick(alice.driver.world.monotonic())
            assert [each.tier for each in alice.driver.report()] == ["direct"]
            assert alice.listener.attached[-1] == ("bob", bob.me.incarnation, None)
        finally:
            await alice.driver.stop()


# -- idle close


async def test_an_idle_link_that_is_not_kept_is_closed_by_agreement():
    async with nodes("alice", "bob", keep=0) as (_, alice, bob):
        await alice.open(bob)
        alice.driver.peers["bob"].used_at -= 100
        await alice.listener.until(lambda: alice.listener.detached)
        await bob.listener.until(lambda: bob.listener.detached)
        assert not alice.driver.report() and not bob.driver.report()
        await alice.open(bob)


async def test_a_busy_far_side_refuses_the_idle_close():
    async with nodes("alice", keep=0) as (relay, alice), nodes("bob", relay=relay) as (_, bob):
        await alice.open(bob)
        bob.listener.busy.add("alice")
        alice.driver.peers["bob"].used_at -= 100
        alice.driver.monitor.tick(alice.driver.world.monotonic())
        assert alice.driver.peers["bob"].bye_at
        alice.listener.paths["bob"].send(b"after the bye")
        await bob.listener.until(lambda: bob.listener.frames)
        assert alice.driver.report() and bob.driver.report()


async def test_only_the_number_to_keep_stays_warm_and_the_longest_idle_goes():
    async with nodes("ada", keep=1) as (relay, ada), nodes("bob", "cyd", relay=relay) as (_, b, c):
        await ada.open(b)
        await ada.open(c)
        ada.driver.peers["bob"].used_at -= 200
        ada.driver.peers["cyd"].used_at -= 100
        await ada.listener.until(lambda: ada.listener.detached == ["bob"])
        assert [report.peer for report in ada.driver.report()] == ["cyd"]
