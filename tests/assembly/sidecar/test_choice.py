"""The choice by skill is the client's, and what waits for the call is left out."""

from __future__ import annotations

import pytest

from chatixia.assembly.sidecar.choice import SkillChoice
from chatixia.errors import BadArguments, DeadlineExceeded, UnknownSkill
from chatixia.sidecar.ports import Cause
from chatixia.wire.base import encode
from chatixia.wire.ipc import AnyPayload, IpcFile
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


async def test_what_cannot_be_chosen():
    choice = SkillChoice(port())
    with pytest.raises(UnknownSkill):
        await choice(AnyPayload(skill="forecast"), Cause())
    with pytest.raises(BadArguments):
        await choice(AnyPayload(skill="forecast", artifacts=(IpcFile(),)), Cause())
    listed = AnyPayload(skill="forecast")
    listed.args = listed.args.__class__(encode([1]))
    with pytest.raises(BadArguments):
        await choice(listed, Cause())
    with pytest.raises(DeadlineExceeded):
        await choice(AnyPayload(skill="forecast"), Cause(left=0.0))
