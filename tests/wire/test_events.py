"""Events of an agent at work: frozen forms, at most 4 KiB, nothing shown to who may not see it."""

from __future__ import annotations

import msgspec
import pytest

from chatixia.errors import BadRequest
from chatixia.wire import events, messages
from chatixia.wire.events import (
    CLIPPED,
    EMPTY_ITEM,
    EVENT_KINDS,
    MAX_EXCERPT,
    AgentEvent,
    excerpt,
    pack,
    tool_began,
    tool_ended,
    unpack,
)
from chatixia.wire.peer import StreamChunk
from tests.wire.golden import cases, hold, structs


@pytest.mark.parametrize(("name", "text"), cases(events))
def test_golden(name: str, text: str):
    hold(events, name, text)


def test_every_type_has_a_golden_form():
    assert {name for name, _ in cases(events)} >= set(structs(events))


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_what_is_packed_is_read(kind: str):
    event = AgentEvent(kind, name="forecast", cost=0.5)
    assert unpack(pack(event)) == event


@pytest.mark.parametrize("letter", ["x", '"', "\x00", "é", "\ud800"])
def test_an_event_has_at_most_4_kib_and_says_that_it_was_clipped(letter: str):
    text = letter * 9000
    event = AgentEvent("thinking", text * 2, text, text, text, model=text)
    data = pack(event)
    assert len(data) <= 4096
    assert unpack(data).text.endswith(CLIPPED)
    assert len(pack(AgentEvent("thinking", text=text))) > 1300


def test_arguments_and_results_are_clipped():
    text = "x" * (MAX_EXCERPT + 1)
    began = tool_began("1", "t", text, visible=True)
    ended = tool_ended("1", "t", text, ok=True, ms=1.0, visible=True)
    assert began.text == ended.text == "x" * (MAX_EXCERPT - 1) + CLIPPED
    assert excerpt("short") == "short"


def test_who_may_not_call_a_tool_sees_neither_arguments_nor_result():
    began = tool_began("1", "t", "secret", visible=False)
    ended = tool_ended("1", "t", "secret", ok=False, ms=1.0, visible=False)
    assert b"secret" not in pack(began) + pack(ended)
    assert (began.name, ended.name, ended.ok) == ("t", "t", False)


NO_EVENTS = [b"", b"[]", b"{}", b'{"kind":1}', b'{"kind":"\xff"}', b"[" * 4000]


@pytest.mark.parametrize("data", NO_EVENTS)
def test_what_is_no_event_is_refused(data: bytes):
    with pytest.raises(BadRequest, match="cannot be read"):
        unpack(data)


def test_a_newer_kind_and_field_are_read():
    assert unpack(b'{"kind":"dreaming","depth":3}').kind == "dreaming"


class OlderChunk(msgspec.Struct, omit_defaults=True):
    """A stream's chunk as builds before events knew it."""

    n: int = 0
    item: msgspec.Raw = msgspec.Raw(b"null")
    text: str = ""
    done: bool = False


def test_an_older_peer_prints_nothing_for_an_event():
    chunk = StreamChunk(3, msgspec.Raw(EMPTY_ITEM), event=msgspec.Raw(pack(AgentEvent("thinking"))))
    data = msgspec.json.encode(messages.PromptChunk(request_id="r", payload=chunk))
    payload = msgspec.json.decode(data)["payload"]
    older = msgspec.json.decode(msgspec.json.encode(payload), type=OlderChunk)
    assert (older.n, older.text, msgspec.json.decode(older.item)) == (3, "", "")
