"""What may be pulled, by whom, and until when."""

from __future__ import annotations

import pytest

from chatixia.client.artifact import Artifact
from chatixia.errors import Overloaded, TooLarge
from chatixia.peer.artifacts.offers import MAX_OFFERS, MAX_RESIDENT_BYTES, ArtifactOffers, too_many
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


async def test_what_results_hold_in_memory_is_shared_by_machine():
    """A machine may be many clients: their bounds are one, and another's is not touched."""
    offers, later = ArtifactOffers(FakeWorld(1)), 1e9
    offers.resident_bytes.total = 4000
    tables = [
        await offers.lend(f"pi~{n}", [Artifact.of(bytes(1000)).source], later, "pi")
        for n in range(3)
    ]
    with pytest.raises(Overloaded) as refused:
        await offers.lend("pi~9", [Artifact.of(bytes(1000)).source], later, "pi")
    assert refused.value.retry_after
    await offers.lend("nb", [Artifact.of(bytes(200)).source], later, "nb")
    await offers.lend("nb", [Artifact.of(bytes(9000)).source], later)  # what is sent, not answered
    offers.withdraw([*tables[0], *tables[1]])
    await offers.lend("pi~9", [Artifact.of(bytes(1000)).source], later, "pi")
    for name in ("pi~0", "pi~1", "pi~2", "pi~9", "nb"):
        offers.forget(name)
    assert (offers.resident_bytes.used, len(offers)) == (0, 0)


async def test_one_that_is_answered_often_is_in_memory_once():
    offers = ArtifactOffers(FakeWorld(1))
    offers.resident_bytes.total = 2000
    source = Artifact.of(bytes(1000)).source
    tables = [await offers.lend(f"pi~{n}", [source] * 2, 1e9, "pi") for n in range(5)]
    assert offers.resident_bytes.used == 1000 < MAX_RESIDENT_BYTES
    for table in tables:
        offers.withdraw(table)
    assert offers.resident_bytes.used == 0
