"""MeshMessages read and written: what they ask, and how an answer stands in them."""

from __future__ import annotations

import json

import msgspec
import pytest

from chatixia.core.ports import CallAnswer
from chatixia.errors import BadRequest, Denied, UnknownType
from chatixia.ids import AgentId
from chatixia.sidecar import described
from chatixia.wire.peer import MeshMessage


def message(kind: str, payload: object, **more: object) -> MeshMessage:
    raw = msgspec.Raw(json.dumps(payload).encode())
    return MeshMessage(kind, "r", "a", "b", raw, **more)  # type: ignore[arg-type]


def test_what_a_message_asks():
    asked = described.asking(message("task_request", {"skill": "x", "args": {"n": 1}}), "bob")
    assert (asked.kind, asked.skill, asked.body, asked.target) == ("task", "x", b'{"n": 1}', "bob")
    asked = described.asking(message("agent_prompt", {"text": "hi"}, deadline_ms=500), "bob")
    assert (asked.kind, asked.timeout) == ("prompt", 0.5)
    with pytest.raises(UnknownType):
        described.asking(message("task_response", {}), "bob")
    with pytest.raises(BadRequest):
        described.asking(message("task_request", {"skill": 3}), "bob")
    with pytest.raises(BadRequest):
        described.read(msgspec.Raw(b"[]"))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("task_request", {"result": 1, "error": ""}),
        ("agent_prompt", {"text": 1, "error": ""}),
        ("skill_query", 1),
    ],
)
def test_how_an_answer_is_told(kind: str, payload: object):
    answer = CallAnswer(b"1", "direct", 1.0, AgentId("bob"))
    line = json.loads(described.answer(message(kind, {}), "bob", "me", answer))
    told = line["payload"]["message"]
    assert (told["payload"], told["source_agent"], told["target_agent"]) == (payload, "bob", "me")
    line = json.loads(described.answer(message(kind, {}), "bob", "me", Denied("no")))
    assert line["payload"]["message"]["payload"]["error"] == "no"
    assert line["payload"]["message"]["error"]["code"] == "denied"
