"""Links between drivers with real engines, as they begin."""

from __future__ import annotations

import itertools

import pytest

from chatixia.wire.signaling import (
    Answer,
    Offer,
)
from tests.peer.relay import nodes

ENGINES = ("wrtc", "aiortc")


@pytest.mark.parametrize(("one", "two"), list(itertools.product(ENGINES, ENGINES)))
async def test_a_link_has_one_name_one_tier_and_carries_frames_both_ways(one, two):
    async with nodes(f"alice@{one}", f"bob@{two}") as (relay, alice, bob):
        await bob.open(alice)
        [mine], [yours] = alice.driver.report(), bob.driver.report()
        assert mine.link == yours.link and len(mine.link) == 12
        assert (mine.tier, yours.tier) == ("direct", "direct")
        assert (mine.engine, yours.engine) == (one, two)
        alice.listener.paths["bob"].send(b"to bob")
        bob.listener.paths["alice"].send(b"to alice")
        await bob.listener.until(lambda: bob.listener.frames)
        await alice.listener.until(lambda: alice.listener.frames)
        assert bob.listener.frames == [("alice", b"to bob")]
        assert alice.listener.frames == [("bob", b"to alice")]
        assert alice.me.book.pin("default", "bob") and bob.me.book.pin("default", "alice")
        assert all(
            isinstance(f, Offer) is (s == "alice")
            for s, f in relay.log
            if isinstance(f, Offer | Answer)
        )


async def test_five_that_start_at_once_end_with_one_link_per_pair():
    names = ["ada", "bob", "cyd", "dan", "eve"]
    for _ in range(3):
        async with nodes(*names) as (relay, *five):
            for one, two in itertools.permutations(five, 2):
                one.driver.want(two.id)
            for one, two in itertools.permutations(five, 2):
                await one.listener.until(lambda one=one, two=two: two.id in one.listener.paths)
            found = {
                (node.id, report.peer): report.link
                for node in five
                for report in node.driver.report()
            }
            assert len(found) == 20
            assert all(found[a, b] == found[b, a] for a, b in found)
            assert len(set(found.values())) == 10
            assert len(relay.of(Offer)) == 10


async def test_what_was_wanted_before_the_peer_came_opens_when_it_comes():
    async with nodes("alice") as (relay, alice):
        alice.driver.want("bob")
        error = await alice.refusal("bob")
        assert error.code == "unknown_agent"
        async with nodes("bob", relay=relay) as (_, bob):
            await alice.listener.until(lambda: "bob" in alice.listener.paths)
            await bob.listener.until(lambda: "alice" in bob.listener.paths)
