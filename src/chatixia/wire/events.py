"""What an agent at work tells its asker beside the text: tools, delegation, retries, usage.

An event rides as ``event`` of a stream's chunk whose item is an empty text, so that who does not
know events shows nothing. It has at most 4 KiB encoded; what is longer is clipped and says so.
"""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.errors import BadRequest

from .base import KIB, Count, Id, Name, Short, encode

MAX_EVENT: Final = 4 * KIB
"""Bytes of one event, encoded."""
MAX_EXCERPT: Final = KIB
"""Characters that an event shows of a tool's arguments or of its result."""
EMPTY_ITEM: Final = b'""'
"""The item of a chunk that carries an event."""
CLIPPED: Final = "…"

EVENT_KINDS: Final[dict[str, str]] = {
    "tool_began": "a tool is called",
    "tool_ended": "a tool has its result, or failed",
    "delegated": "work went to another agent",
    "retry": "a request to the model is made again",
    "fallback": "another model goes on",
    "thinking": "what the model thinks before it answers",
    "usage": "what the answer took",
}


class AgentEvent(msgspec.Struct, omit_defaults=True):
    """One event. ``kind``: a key of :data:`EVENT_KINDS`, or one that a newer agent knows.

    ``id``: which call of a tool; ``name``: the tool or skill; ``agent``: whose. ``text``: the
    arguments, the result, the reason, or the thought. ``ok``: whether a tool did what it should.
    ``ms``: how long it took. ``model``: which one. ``cost``: in US dollars, None where no price is
    known; ``estimated``: whether the tokens were not counted by the provider. A ``fallback`` takes
    back all text that came before it.
    """

    kind: Short
    id: Name = ""
    name: Name = ""
    agent: Id = ""
    text: str = ""
    ok: bool = True
    ms: float = 0.0
    model: Name = ""
    requests: Count = 0
    input_tokens: Count = 0
    output_tokens: Count = 0
    cached_tokens: Count = 0
    cost: float | None = None
    estimated: bool = False


def tool_began(id: str, name: str, arguments: str, *, visible: bool, agent: str = "") -> AgentEvent:
    """A tool is called. ``visible``: the asker may call it, so it may see what it is given."""
    return AgentEvent("tool_began", id, name, agent, excerpt(arguments) if visible else "")


def tool_ended(
    id: str, name: str, result: str, *, ok: bool, ms: float, visible: bool, agent: str = ""
) -> AgentEvent:
    """A tool is done. ``visible``: the asker may call it, so it may see what came of it."""
    text = excerpt(result) if visible else ""
    return AgentEvent("tool_ended", id, name, agent, text, ok, ms)


def excerpt(text: str, most: int = MAX_EXCERPT) -> str:
    """``text``, clipped to ``most`` characters."""
    return text if len(text) <= most else text[: most - 1] + CLIPPED


def pack(event: AgentEvent) -> bytes:
    """JSON bytes of ``event``, at most 4 KiB: first its text is clipped, also what no JSON holds
    (half a character) is replaced."""
    fit = msgspec.structs.replace(
        event,
        kind=_encodable(event.kind, 64),
        id=_encodable(event.id, 128),
        name=_encodable(event.name, 128),
        agent=_encodable(event.agent, 63),
        model=_encodable(event.model, 128),
        text=_encodable(event.text, MAX_EVENT),
    )
    while (over := len(data := encode(fit)) - MAX_EVENT) > 0:
        length = len(fit.text)
        extra = over * length // len(encode(fit.text)) + len(CLIPPED.encode())
        fit.text = fit.text[: max(0, length - extra)] + CLIPPED
    return data


def unpack(data: bytes) -> AgentEvent:
    """The event that came. Raises BadRequest."""
    try:
        return _event.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The agent sent an event that cannot be read.") from None


def _encodable(text: str, most: int) -> str:
    return excerpt(text, most).encode("utf-8", "replace").decode()


_event: Final = msgspec.json.Decoder(AgentEvent)
