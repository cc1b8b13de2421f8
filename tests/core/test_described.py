"""Described messages judged and translated; descriptions mended."""

from __future__ import annotations

import json

import pytest

from chatixia.core import described
from chatixia.core.ports import Outgoing
from chatixia.core.sdp import scan
from chatixia.errors import BadArguments, BadRequest, SkillFailed, TooLarge, UnknownSkill
from chatixia.errors import UnknownType as Unknown
from chatixia.ids import AgentId
from chatixia.wire.described import MAX_DESCRIBED

B = AgentId("b")
PRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
SDP = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "a=candidate:2 1 udp 2130706431 169.254.169.254 80 typ host",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        PRINT,
        PRINT.replace("sha-256", "sha-384"),
        "a=setup:actpass",
        "a=mid:0",
        "",
    ]
)


def work(kind: str, payload: object) -> described.DescribedWork:
    text = json.dumps({"type": kind, "request_id": "r", "payload": payload})
    return described.work_of(described.read(text))


def test_a_description_is_mended_not_believed():
    kept = described.description(SDP)
    assert scan(kept).candidates == ("candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",)
    assert "sha-384" not in kept
    with pytest.raises(BadRequest):
        described.description(SDP.replace("m=application", "m=audio"))
    with pytest.raises(BadRequest):
        described.description(SDP + PRINT.replace("AB", "CD", 1) + "\r\n")


@pytest.mark.parametrize(
    ("payload", "skill", "args"),
    [
        ({"message": "m", "skill": "s"}, "s", {"message": "m"}),
        ({"skill": "s", "args": {"a": 1}, "timeout_ms": 5}, "s", {"a": 1}),
        ({"skill": "s", "args": "text"}, "s", {"args": "text"}),
        ({"skill": 7}, "", {}),
        (None, "", {}),
    ],
)
def test_every_other_key_of_a_task_is_an_argument(payload: object, skill: str, args: object):
    asked = work("task_request", payload)
    assert (asked.kind, asked.skill, json.loads(bytes(asked.body))) == ("task", skill, args)


def test_the_time_of_a_task_is_bounded():
    assert work("task_request", {"timeout_ms": 500}).seconds == 0.5
    assert work("task_request", {"timeout_ms": 1e30}).seconds == described.MOST_SECONDS
    for odd in (-1, True, "x", None):
        assert work("task_request", {"timeout_ms": odd}).seconds == described.SERVED_SECONDS


def test_of_a_prompt_only_its_words_count():
    prompt = work("agent_prompt", {"text": "hi", "session_id": "s", "steer": True, "dry_run": True})
    assert json.loads(bytes(prompt.body)) == {"message": "hi", "session_id": "s"}
    assert work("skill_query", {"skill": "s"}).kind == "skills"
    assert work("agent_status", {"status": "idle"}).kind == "status"
    for kind in ("cancel", "progress", "task_response"):
        with pytest.raises(Unknown):
            work(kind, {})


def test_requests_in_the_described_form():
    def sent(outgoing: Outgoing) -> dict[str, object]:
        message: dict[str, object] = json.loads(described.request(outgoing, "r", "me"))
        assert (message["request_id"], message["source_agent"]) == ("r", "me")
        return message

    task = sent(Outgoing(B, "s", b'{"message":"m"}'))
    assert (task["type"], task["payload"]) == ("task_request", {"message": "m", "skill": "s"})
    prompt = sent(Outgoing(B, body=b'{"message":"hi"}', kind="prompt"))["payload"]
    assert prompt == {"message": "hi", "text": "hi", "session_id": "", "direct": True}
    assert sent(Outgoing(B, body=b'{"skill":"s"}', kind="skills"))["type"] == "skill_query"
    with pytest.raises(BadArguments):
        described.request(Outgoing(B, "s", b'{"skill":1}'), "r", "me")
    with pytest.raises(TooLarge):
        described.request(Outgoing(B, "s", b'{"x":"%s"}' % (b"x" * MAX_DESCRIBED)), "r", "me")


def test_answers_both_ways():
    asked = Outgoing(B, "s")

    def value(kind: str, payload: object) -> bytes:
        text = json.dumps({"type": kind, "payload": payload})
        return described.value_of(described.read(text), asked)

    assert value("task_response", {"result": {"a": 1}, "error": ""}) == b'{"a": 1}'
    assert value("agent_response", {"text": "t"}) == b'"t"'
    assert value("skill_response", {"available": True}) == b'{"available": true}'
    with pytest.raises(SkillFailed):
        value("task_response", {"error": "broken"})
    with pytest.raises(UnknownSkill):
        value("task_response", {"error": "unknown skill: s"})
    with pytest.raises(BadRequest):
        value("task_response", [])
    request = described.read('{"type":"task_request","request_id":"r"}')
    told = json.loads(described.answer(request, "me", "b", b"7"))
    assert (told["type"], told["payload"]) == ("task_response", {"result": 7, "error": ""})
    ping = described.read('{"type":"ping","request_id":"r"}')
    assert json.loads(described.answer(ping, "me", "b", b"{}"))["type"] == "pong"


def test_no_frame_above_the_bound_is_read():
    with pytest.raises(TooLarge):
        described.read(" " * (MAX_DESCRIBED + 1))
    assert described.tier_of("turn") == "turn, unverified"
