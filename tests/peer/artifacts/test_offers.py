"""What may be pulled, by whom, and until when."""

from __future__ import annotations

import pytest

from chatixia.client.artifact import Artifact
from chatixia.errors import Overloaded, TooLarge
from chatixia.peer.artifacts.offers import MAX_OFFERS, ArtifactOffers, too_many
from chatixia.testing.clock import FakeWorld

SOURCE = Artifact.of(b"abc").source


async def test_only_the_named_peer_may_pull_and_only_in_time():
    world = FakeWorld(1)
    offers = ArtifactOffers(world)
    (info,) = await offers.lend("b", [SOURCE], world.monotonic() + 10)
    assert offers.find(info.id, "b") is not None
    assert offers.find(info.id, "c") is None
    assert offers.find("0" * 32, "b") is None
    world.advance(11)
    assert offers.find(info.id, "b") is None
    offers.expire()
    assert len(offers) == 0


async def test_what_is_withdrawn_freed_or_of_a_lost_peer_is_gone():
    world = FakeWorld(1)
    offers = ArtifactOffers(world)
    first, second, third = await offers.lend("b", [SOURCE] * 3, world.monotonic() + 10)
    offers.withdraw([first])
    offers.free(second.id, "c")  # it is not c's
    assert len(offers) == 2
    offers.free(second.id, "b")
    assert len(offers) == 1
    offers.forget("b")
    assert offers.find(third.id, "b") is None


async def test_offers_are_bounded():
    world = FakeWorld(1)
    offers = ArtifactOffers(world)
    for _ in range(MAX_OFFERS // 64):
        await offers.lend("b", [SOURCE] * 64, world.monotonic() + 10)
    with pytest.raises(Overloaded):
        await offers.lend("b", [SOURCE], world.monotonic() + 10)
    await offers.lend("c", [SOURCE], world.monotonic() + 10)
    with pytest.raises(TooLarge):
        too_many([SOURCE] * 65)
