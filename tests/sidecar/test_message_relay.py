"""Whole messages between a program and its links: none is changed, and none is lost unsaid."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from chatixia.errors import BadRequest, TooLarge, Unreachable
from chatixia.sidecar import message_relay
from chatixia.sidecar.message_relay import MessageRelay
from chatixia.wire.described import MAX_DESCRIBED
from chatixia.world import REAL


class Links:
    """Links that a test opens and closes."""

    me = "rusty"

    def __init__(self) -> None:
        self.open: list[str] = []
        self.sent: list[tuple[str, str]] = []
        self.sought: list[str] = []
        self.faults: list[str] = []
        self.on_open: Any = None
        self.on_close: Any = None
        self.on_text: Any = None

    def open_names(self) -> list[str]:
        return self.open

    def send(self, peer: str, text: str) -> None:
        if peer not in self.open:
            raise Unreachable(f"There is no link to {peer}.", agent=peer)
        self.sent.append((peer, text))

    def seek(self, peer: str) -> None:
        self.sought.append(peer)

    def fault(self, peer: str) -> None:
        self.faults.append(peer)


class Program:
    """A program that keeps its lines."""

    full = False

    def __init__(self) -> None:
        self.raw: list[bytes] = []

    def write(self, line: bytes) -> None:
        assert b"\n" not in line
        self.raw.append(line)

    @property
    def lines(self) -> list[Any]:
        lines, self.raw = [json.loads(line) for line in self.raw], []
        return lines


def rig(*names: str) -> tuple[Any, MessageRelay, Program]:
    links: Any = Links()
    links.open = list(names)
    relay, program = MessageRelay(links, REAL), Program()
    relay.attach(program)
    return links, relay, program


def message(kind: str = "task_request", rid: str = "r1", **payload: Any) -> dict[str, Any]:
    return {"type": kind, "request_id": rid, "payload": payload}


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def test_a_message_goes_as_it_is_and_comes_as_it_is():
    links, relay, program = rig("ours")
    sent = message(skill="x", message="å") | {"extra": {"of": ["its", "own"]}}
    relay.send("ours", raw(sent))
    assert json.loads(links.sent[0][1]) == sent
    back = message("task_response", result=1) | {"more": "fields"}
    links.on_text("ours", json.dumps(back, indent=2))
    assert program.lines == [
        {"type": "peer_connected", "payload": {"peer_id": "ours"}},
        {"type": "message", "payload": {"from_peer": "ours", "message": back}},
    ]


def test_links_that_come_and_go_are_told():
    links, relay, program = rig("b", "a")
    links.on_open("c")
    links.on_close("a")
    kinds = [(one["type"], one["payload"]["peer_id"]) for one in program.lines]
    assert kinds == [
        ("peer_connected", "a"),
        ("peer_connected", "b"),
        ("peer_connected", "c"),
        ("peer_disconnected", "a"),
    ]
    assert relay.peers() == ["a", "b"]
    relay.connect("d")
    assert links.sought == ["d"]


def test_what_comes_before_the_program_waits_for_it_and_is_bounded():
    links: Any = Links()
    links.open = ["ours"]
    relay = MessageRelay(links, REAL)
    for n in range(message_relay.MOST_EARLY + 1):
        links.on_text("ours", json.dumps(message(rid=f"r{n}")))
    [(peer, refused)] = links.sent
    assert peer == "ours" and json.loads(refused)["request_id"] == f"r{message_relay.MOST_EARLY}"
    assert json.loads(refused)["payload"]["error"]
    relay.attach(program := Program())
    kinds = [line["type"] for line in program.lines]
    assert kinds == ["peer_connected", *["message"] * message_relay.MOST_EARLY]


def test_a_request_that_cannot_go_is_answered_with_its_error():
    links, relay, program = rig("ours")
    relay.send("nobody", raw(message()))
    relay.send("ours", raw(message(message="x" * MAX_DESCRIBED)))
    relay.send("nobody", raw(message("agent_prompt")))
    answers = [line["payload"] for line in program.lines[1:]]
    assert [one["from_peer"] for one in answers] == ["nobody", "ours", "nobody"]
    types = [one["message"]["type"] for one in answers]
    assert types == ["task_response", "task_response", "agent_response"]
    assert all(one["message"]["payload"]["error"] for one in answers)
    assert not links.sent
    with pytest.raises(Unreachable):
        relay.send("nobody", raw({"type": "agent_status"}))
    with pytest.raises(TooLarge):
        relay.send("ours", raw(message("unheard-of", text="x" * MAX_DESCRIBED)))
    for none in ({"no": "type"}, [], "x"):
        with pytest.raises(BadRequest):
            relay.send("ours", raw(none))


def test_requests_end_with_their_link():
    links, relay, program = rig("ours", "other")
    for rid, peer in (("r1", "ours"), ("r2", "ours"), ("r3", "other")):
        relay.send(peer, raw(message(rid=rid)))
    links.on_text("ours", json.dumps(message("task_response", "r1")))
    links.on_close("ours")
    lines = program.lines[2:]
    assert [line["type"] for line in lines] == ["message", "message", "peer_disconnected"]
    lost = lines[1]["payload"]["message"]
    assert (lost["request_id"], lost["payload"]["result"]) == ("r2", "")
    assert "was lost" in lost["payload"]["error"]


def test_only_who_was_asked_answers():
    links, relay, program = rig("ours", "other")
    relay.send("ours", raw(message()))
    links.on_text("other", json.dumps(message("task_response", "r1")))
    links.on_text("other", json.dumps(message("task_response", "never-asked")))
    links.on_text("ours", json.dumps(message("task_response", "r1")))
    senders = [line["payload"]["from_peer"] for line in program.lines[2:]]
    assert senders == ["other", "ours"]


def test_of_too_many_requests_the_oldest_are_left_to_their_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(message_relay, "MOST_PENDING", 2)
    links, relay, program = rig("ours")
    for n in range(3):
        relay.send("ours", raw(message(rid=f"r{n}")))
    links.on_close("ours")
    ended = [line["payload"]["message"]["request_id"] for line in program.lines[1:3]]
    assert ended == ["r1", "r2"]


def test_a_broadcast_goes_to_all_who_are_linked():
    links, relay, _ = rig("a", "b")
    assert relay.broadcast(raw(message("agent_prompt", "", message="hi", broadcast=True))) == 2
    assert [peer for peer, _ in links.sent] == ["a", "b"]
    with pytest.raises(BadRequest):
        relay.broadcast(raw([]))


def test_a_program_that_does_not_read_gets_no_more_and_who_asks_is_told():
    links, _, program = rig("ours")
    program.full = True
    links.on_text("ours", json.dumps(message()))
    links.on_text("ours", json.dumps(message("agent_status", "")))
    assert [line["type"] for line in program.lines] == ["peer_connected"]
    [(_, answer)] = links.sent
    assert "does not read" in json.loads(answer)["payload"]["error"]


def test_what_means_nothing_counts_against_its_link():
    links, _, program = rig("ours")
    for junk in ("no json", "[]", '{"no":"type"}', "x" * (MAX_DESCRIBED + 1)):
        links.on_text("ours", junk)
    links.on_text("ours", json.dumps(message("agent_status", "")))
    assert links.faults == ["ours"] * 4
    assert [line["type"] for line in program.lines] == ["peer_connected", "message"]


def test_after_a_program_left_nothing_of_it_is_pending():
    links, relay, program = rig("ours")
    relay.send("ours", raw(message()))
    relay.detach()
    links.on_close("ours")
    assert [line["type"] for line in program.lines] == ["peer_connected"]
