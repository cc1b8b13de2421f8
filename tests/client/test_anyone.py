"""By skill: who has it takes turns, and another one where nothing happened."""

from __future__ import annotations

from collections import Counter

import pytest

from chatixia.errors import BadArguments, DeadlineExceeded, SkillFailed, UnknownSkill, Unreachable
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def name() -> str:
    return "x"


async def breaks() -> None:
    raise ValueError


@pytest.fixture
def net():
    made = Net()
    served = [Served(made, n, name, breaks) for n in ("a", "b", "c")]
    yield made
    for one in served:
        one.close()


async def test_turns(net: Net):
    anyone = client(net).any("name")
    seen = Counter([(await anyone.call("name")).agent for _ in range(9)])
    assert seen == {"a": 3, "b": 3, "c": 3}
    assert await anyone.name() == "x"
    assert repr(anyone) == "<any agent with name>"
    with pytest.raises(AttributeError):
        _ = anyone._x


async def test_another_one_where_nothing_happened(net: Net):
    net.down |= {"a", "b"}
    for _ in range(4):
        assert (await client(net).any("name").call("name")).agent == "c"
    net.down.add("c")
    with pytest.raises(Unreachable):
        await client(net).any("name").call("name")


async def test_a_failure_is_not_tried_elsewhere(net: Net):
    before = len(net.log)
    with pytest.raises(SkillFailed):
        await client(net).any("breaks").breaks()
    assert len(net.log) == before + 1


async def test_unknown_outcomes_stay(net: Net):
    async def vanish(out):
        net.log.append(("x", out))
        raise Unreachable(outcome="unknown")

    mesh = client(net)
    mesh._door.call = vanish
    with pytest.raises(Unreachable):
        await mesh.any("name").name()
    assert len(net.log) == 1
    with pytest.raises(Unreachable):
        await mesh.any("name", idempotent=True, timeout=0.01).name()
    assert len(net.log) == 4


async def test_nobody_has_it(net: Net):
    with pytest.raises(UnknownSkill, match="No other agent in the mesh has the skill nope"):
        await client(net).any("nope").nope()


async def test_the_deadline_is_one_for_all(net: Net):
    mesh = client(net)
    now = mesh._door.world.monotonic()

    class World:
        turn = 0

        def monotonic(self) -> float:
            self.turn += 1
            return now + 10 * self.turn

        def jitter(self) -> float:
            return 0.0

    mesh._door.world = World()  # type: ignore[assignment]
    with pytest.raises(DeadlineExceeded) as caught:
        await mesh.any("name", timeout=5).name()
    assert caught.value.outcome == "definite"
    with pytest.raises(BadArguments):
        mesh.any("name", timeout=0)
