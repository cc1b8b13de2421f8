"""Version 1 of what two agents say on a link, frozen: each message bare, and in its frame.

The files are only ever added to. What this build writes are those bytes, and it reads them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from chatixia.core import exchange, frames
from chatixia.core.frames import Fragment
from chatixia.core.ports import Incoming, Outgoing
from chatixia.errors import Overloaded
from chatixia.ids import AgentId
from chatixia.wire import messages as m
from chatixia.wire.base import encode
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack
from chatixia.wire.peer import (
    MESSAGE_TYPES,
    Bye,
    Credit,
    MeshMessage,
    Prompt,
    SkillInfo,
    SkillQuery,
    SkillReply,
    Status,
    StreamChunk,
)

FOLDER = Path(__file__).parent / "wire"
BARE: dict[str, str] = json.loads((FOLDER / "version_1_bare.json").read_text(encoding="utf-8"))
FRAMED: dict[str, str] = json.loads((FOLDER / "version_1_framed.json").read_text(encoding="utf-8"))
DESCRIBED = (
    "ping",
    "pong",
    "task_request",
    "task_response",
    "task_stream_chunk",
    "skill_query",
    "skill_response",
    "agent_status",
    "agent_prompt",
    "agent_response",
    "agent_stream_chunk",
)
PIECE = b"q" * 40
FRAGMENT = "fragment, in hex"
ERROR = Overloaded("Too many calls to this agent are open.", agent=AgentId("bob"), retry_after=1.0)


def asked(kind: Any, body: msgspec.Struct | bytes, **more: Any) -> bytes:
    data = body if isinstance(body, bytes) else encode(body)
    out = Outgoing(AgentId("bob"), body=data, kind=kind, timeout=30.0, **more)
    return exchange.request(out, "r-1")


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(encode(value))


def chunk(kind: Any) -> bytes:
    """As a stream sends it."""
    event = pack(AgentEvent("tool_began", "call_1", "forecast", "weather", '{"city":"Oslo"}'))
    answer = m.TaskAnswer if kind is m.TaskChunk else m.PromptAnswer
    served = exchange.ServedRequest("r-1", None, answer, cast(Incoming, None), 0.0)
    return exchange.chunk(served, 1, EMPTY_ITEM, event=event)


SKILL = SkillInfo("forecast", "The weather.", raw({"type": "object"}), raw({"type": "string"}))
WRITE: dict[str, Callable[[], bytes]] = {
    "ping": lambda: encode(m.PingAsk(request_id="r-1")),
    "pong": lambda: encode(m.PongAnswer(request_id="r-1")),
    "task_request": lambda: asked("task", b'{"city":"Oslo"}', skill="forecast"),
    "task_request, streamed, on a path": lambda: asked(
        "task",
        b"{}",
        skill="forecast",
        stream=True,
        idempotent=True,
        path=("carol",),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    "task_response": lambda: frames.task_response("r-1", b'"sunny"'),
    "task_response, error": lambda: frames.error_response(m.TaskAnswer, "r-1", ERROR),
    "task_stream_chunk": lambda: encode(
        m.TaskChunk(request_id="r-1", payload=StreamChunk(3, raw("x")))
    ),
    "skill_query": lambda: asked("skills", SkillQuery("forecast")),
    "skill_response": lambda: encode(
        m.SkillAnswer(request_id="r-1", payload=raw(SkillReply(True, "The weather.", [SKILL])))
    ),
    "agent_status": lambda: asked("status", Status("acting")),
    "agent_prompt": lambda: asked("prompt", Prompt(text="Hello", session_id="s", stream=True)),
    "agent_response": lambda: encode(
        m.PromptAnswer(request_id="r-1", payload=m.PromptText(raw("Hi"), 2))
    ),
    "agent_stream_chunk": lambda: encode(
        m.PromptChunk(request_id="r-1", payload=StreamChunk(1, raw("Hi")))
    ),
    "task_stream_chunk, an event": lambda: chunk(m.TaskChunk),
    "agent_stream_chunk, an event": lambda: chunk(m.PromptChunk),
    "cancel": lambda: encode(m.CancelTell(request_id="r-1")),
    "progress": lambda: exchange.step("r-1", 0.5, "half"),
    "credit": lambda: encode(m.CreditTell(payload=Credit(link=1_048_576))),
    "credit, of a stream": lambda: exchange.stream_credit("r-1", 65_536),
    "error": lambda: exchange.complaint("r-1", ERROR),
    "error, of a frame": lambda: exchange.complaint("", ERROR, 7),
}
FRAMES: dict[str, Callable[[], bytes]] = {
    **{
        name: lambda name=name: frames.write_frame(7, 5, [BARE[name].encode()])  # type: ignore[misc]
        for name in WRITE
    },
    "two in one": lambda: frames.write_frame(8, 5, [BARE[n].encode() for n in ("ping", "cancel")]),
    "ack": lambda: frames.write_ack(5),
    "bye": lambda: encode(Bye(bye=5)),
    "bye_ack": lambda: encode(Bye(bye_ack=5)),
    FRAGMENT: lambda: frames.write_fragment(Fragment(9, 5, 2, 1, 3, PIECE)),
}


def test_every_type_is_frozen_bare_and_framed():
    """The eleven described ones, and ours."""
    assert set(DESCRIBED) <= set(MESSAGE_TYPES)
    for stored in (BARE, FRAMED):
        assert {name.partition(",")[0] for name in stored} >= set(MESSAGE_TYPES)


@pytest.mark.parametrize("name", WRITE)
def test_this_build_writes_the_bare_bytes_and_reads_them(name: str):
    text = BARE[name].encode()
    assert WRITE[name]() == text
    found = m.read(text)
    assert found.__struct_config__.tag == name.partition(",")[0]
    envelope = msgspec.json.decode(text, type=MeshMessage)
    assert (envelope.type, envelope.request_id) == (name.partition(",")[0], found.request_id)


@pytest.mark.parametrize("name", FRAMES)
def test_this_build_writes_the_frames_and_reads_them(name: str):
    data = bytes.fromhex(FRAMED[name]) if name == FRAGMENT else FRAMED[name].encode()
    assert FRAMES[name]() == data
    if name == FRAGMENT:
        assert frames.read_fragment(data) == Fragment(9, 5, 2, 1, 3, PIECE)
        return
    frame, inside = frames.read_frame(data)
    if name in WRITE:
        assert (frame.s, frame.a) == (7, 5)
        assert [encode(one) for one in inside] == [encode(m.read(BARE[name].encode()))]
    elif name == "two in one":
        assert [type(one) for one in inside] == [m.PingAsk, m.CancelTell]
    else:
        assert (frame.s, inside) == (0, [])
