"""The choice by skill is the client's, and what waits for the call is left out."""

from __future__ import annotations

import msgspec
import pytest

from chatixia import Artifact
from chatixia.assembly.sidecar.choice import SkillChoice
from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import BadArguments, DeadlineExceeded, UnknownSkill
from chatixia.sidecar.ports import Cause
from chatixia.wire.base import encode
from chatixia.wire.ipc import AnyPayload
from chatixia.wire.registry import AgentRecord, Agents
from tests.sidecar.rig import ScriptedPort


def port(*names: str) -> ScriptedPort:
    scripted = ScriptedPort()
    scripted.reply = Agents([AgentRecord(name, health="active", trust="owner") for name in names])
    return scripted


async def test_one_of_them_is_asked_with_the_cause():
    scripted = port("alice", "bob", "weather")
    choice = SkillChoice(scripted)
    payload = AnyPayload(skill="forecast", timeout=60.0)
    payload.args = payload.args.__class__(b'{"city":"Oslo"}')
    answer = await choice(payload, Cause(("alice",), 5.0, "00-t"))
    assert (answer.agent, answer.value) == ("bob", b'{"city":"Oslo"}')
    [asked] = scripted.asked
    assert (asked.path, asked.traceparent, asked.timeout <= 5) == (("alice",), "00-t", True)


async def test_artifacts_keys_and_progress_go_along_and_nothing_is_decoded():
    scripted, steps = port("bob"), []
    feed = object()

    async def answer(outgoing: Outgoing) -> CallAnswer:
        assert outgoing.on_progress is not None
        outgoing.on_progress(0.5, "half")
        back = CallAnswer(outgoing.body, "direct", 1.0, outgoing.target)
        back.artifacts = (feed,)  # type: ignore[assignment]
        return back

    scripted.answer = answer
    payload = AnyPayload(skill="keep", args=msgspec.Raw(b' {"f":{"$artifact":0}}'), key="k-1")
    source = Artifact.of(b"abc", name="a.txt").source
    got = await SkillChoice(scripted)(payload, Cause(), (source,), lambda *step: steps.append(step))
    assert got.artifacts == (feed,) and got.value == b' {"f":{"$artifact":0}}'
    [asked] = scripted.asked
    assert (asked.artifacts, asked.key, steps) == ((source,), "k-1", [(0.5, "half")])


async def test_what_cannot_be_chosen():
    choice = SkillChoice(port())
    with pytest.raises(UnknownSkill):
        await choice(AnyPayload(skill="forecast"), Cause())
    listed = AnyPayload(skill="forecast")
    listed.args = listed.args.__class__(encode([1]))
    with pytest.raises(BadArguments):
        await choice(listed, Cause())
    with pytest.raises(DeadlineExceeded):
        await choice(AnyPayload(skill="forecast"), Cause(left=0.0))
