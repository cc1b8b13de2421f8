"""An idempotent call is tried again under one key."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.client.call_context import CallContext
from chatixia.client.retry import TRIES, insist
from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import (
    MeshError,
    Overloaded,
    PeerRestarted,
    SkillFailed,
    Unavailable,
    UnknownSkill,
    Unreachable,
)
from chatixia.ids import AgentId
from tests.agent.loopback import Net

NOBODY = AgentId("b")


class Flaky:
    """A door whose calls fail as told, then answer."""

    def __init__(self, *errors: MeshError) -> None:
        self.errors = list(errors)
        self.seen: list[tuple[str, float]] = []
        self.door = CallContext(Net().port("a"))
        self.door.call = self.call

    async def call(self, out: Outgoing) -> CallAnswer:
        self.seen.append((out.key, out.timeout))
        if self.errors:
            raise self.errors.pop(0)
        return CallAnswer(b"1", "direct", 1.0, NOBODY)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch):
    async def now(_: float) -> None:
        return None

    monkeypatch.setattr(asyncio, "sleep", now)


async def test_one_key_from_first_to_last():
    flaky = Flaky(Overloaded(), Unreachable())
    assert (await insist(flaky.door, Outgoing(NOBODY))).value == b"1"
    assert len(flaky.seen) == 3
    assert len({key for key, _ in flaky.seen}) == 1
    assert flaky.seen[0][0]
    assert flaky.seen[0][1] >= flaky.seen[2][1]


async def test_a_given_key_stands():
    flaky = Flaky(Overloaded())
    await insist(flaky.door, Outgoing(NOBODY, key="k"))
    assert {key for key, _ in flaky.seen} == {"k"}


@pytest.mark.parametrize("error", [UnknownSkill(), PeerRestarted()])
async def test_what_no_retry_cures(error: MeshError):
    flaky = Flaky(error)
    with pytest.raises(type(error)):
        await insist(flaky.door, Outgoing(NOBODY))
    assert len(flaky.seen) == 1


async def test_tries_end():
    flaky = Flaky(*(Overloaded() for _ in range(99)))
    with pytest.raises(Overloaded):
        await insist(flaky.door, Outgoing(NOBODY))
    assert len(flaky.seen) == TRIES


async def test_the_deadline_ends_it_too():
    flaky = Flaky(Overloaded())
    with pytest.raises(Overloaded):
        await insist(flaky.door, Outgoing(NOBODY, timeout=0.001))
    assert len(flaky.seen) == 1


async def test_a_mesh_that_closes_between_two_tries_ends_it_as_itself(
    monkeypatch: pytest.MonkeyPatch,
):
    flaky = Flaky(Overloaded(), Unavailable(retryable=False))

    async def close(door: CallContext, _: float) -> None:
        door.lock()

    monkeypatch.setattr(CallContext, "pause", close)
    with pytest.raises(Unavailable):
        await insist(flaky.door, Outgoing(NOBODY))


async def test_a_later_error_does_not_replace_an_unknown_outcome():
    flaky = Flaky(Unreachable(outcome="unknown"), UnknownSkill())
    with pytest.raises(Unreachable) as raised:
        await insist(flaky.door, Outgoing(NOBODY))
    assert raised.value.outcome == "unknown" and isinstance(raised.value.__cause__, UnknownSkill)
    flaky = Flaky(Unreachable(outcome="unknown"), SkillFailed("It broke."))
    with pytest.raises(SkillFailed, match="It broke") as failed:
        await insist(flaky.door, Outgoing(NOBODY))
    assert failed.value.outcome == "unknown"
