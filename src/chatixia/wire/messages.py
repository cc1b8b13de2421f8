"""The MeshMessages of ``wire.peer`` one by one, each typed whole: one decode per message.

The bytes are those of :class:`chatixia.wire.peer.MeshMessage`; that struct stays the envelope
for whoever does not look inside. A type that is not here is answered by ``error``.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, get_args

import msgspec

from chatixia.errors import BadRequest, MeshError, UnknownType, WireError

from .base import EMPTY, Count, Id, Short
from .peer import Credit, Progress, StreamChunk, TaskRequest, TaskResponse

Hops = Annotated[tuple[Id, ...], msgspec.Meta(max_length=64)]
"""Longer than any path that is allowed, so that the answer can name the hop limit."""


class Message(msgspec.Struct, tag_field="type", omit_defaults=True, gc=False):
    """What every message has. ``source_agent``, ``target_agent``: if set, the link's two ends."""

    request_id: Short = ""
    source_agent: Id = ""
    target_agent: Id = ""


class Asking(Message):
    """What every request has; see :class:`chatixia.wire.peer.MeshMessage`."""

    deadline_ms: Count | None = None
    path: Hops = ()
    traceparent: Short = ""
    ns: Short = ""


class TaskAsk(Asking, tag="task_request", kw_only=True):
    """Run a skill."""

    payload: TaskRequest


class PromptAsk(Asking, tag="agent_prompt", kw_only=True):
    """Free text; the payload is a :class:`chatixia.wire.peer.Prompt`."""

    payload: msgspec.Raw = EMPTY


class SkillAsk(Asking, tag="skill_query", kw_only=True):
    """The payload is a :class:`chatixia.wire.peer.SkillQuery`."""

    payload: msgspec.Raw = EMPTY


class StatusTell(Asking, tag="agent_status", kw_only=True):
    """The payload is a :class:`chatixia.wire.peer.Status`; nobody answers it."""

    payload: msgspec.Raw = EMPTY


class TaskAnswer(Message, tag="task_response", kw_only=True):
    """A skill's result or error."""

    payload: TaskResponse = msgspec.field(default_factory=TaskResponse)
    error: WireError | None = None


class PromptText(msgspec.Struct, omit_defaults=True, gc=False):
    """Payload of ``agent_response``: ``text`` is a JSON string (or value)."""

    text: msgspec.Raw = msgspec.Raw(b'""')
    items: Count = 0


class PromptAnswer(Message, tag="agent_response", kw_only=True):
    """The whole answer to a prompt."""

    payload: PromptText = msgspec.field(default_factory=PromptText)
    error: WireError | None = None


class SkillAnswer(Message, tag="skill_response", kw_only=True):
    """The payload is a :class:`chatixia.wire.peer.SkillReply`."""

    payload: msgspec.Raw = EMPTY
    error: WireError | None = None


class TaskChunk(Message, tag="task_stream_chunk", kw_only=True):
    """One item of a streamed result."""

    payload: StreamChunk


class PromptChunk(Message, tag="agent_stream_chunk", kw_only=True):
    """A piece of an answer to a prompt."""

    payload: StreamChunk


class CancelTell(Message, tag="cancel"):
    """Stop working on that request."""


class ProgressTell(Message, tag="progress", kw_only=True):
    """How far a request is."""

    payload: Progress


class CreditTell(Message, tag="credit", kw_only=True):
    """How much more may be sent."""

    payload: Credit


class PingAsk(Message, tag="ping", kw_only=True):
    """The payload is a :class:`chatixia.wire.peer.Ping`."""

    payload: msgspec.Raw = EMPTY


class PongAnswer(Message, tag="pong", kw_only=True):
    """The payload is a :class:`chatixia.wire.peer.Ping`."""

    payload: msgspec.Raw = EMPTY


class ErrorTell(Message, tag="error", kw_only=True):
    """A message that could not be handled; never answered. ``frame``: the number of a frame of
    which no message could be read."""

    error: WireError | None = None
    frame: Count = 0


AnyMessage = (
    TaskAsk
    | PromptAsk
    | SkillAsk
    | StatusTell
    | TaskAnswer
    | PromptAnswer
    | SkillAnswer
    | TaskChunk
    | PromptChunk
    | CancelTell
    | ProgressTell
    | CreditTell
    | PingAsk
    | PongAnswer
    | ErrorTell
)


Answer = TaskAnswer | PromptAnswer | SkillAnswer | ErrorTell
"""What may carry an error."""


class Unread(msgspec.Struct):
    """A message that could not be decoded: what to answer, and to which request.

    ``answers``: it is a response. ``frame``: no message of that frame could be read at all.
    """

    request_id: str
    error: MeshError
    answers: bool = False
    frame: int = 0


Read = AnyMessage | Unread


class _Envelope(msgspec.Struct):
    type: str
    request_id: Short = ""


_messages: Final[msgspec.json.Decoder[AnyMessage]] = msgspec.json.Decoder(AnyMessage)
_envelope: Final = msgspec.json.Decoder(_Envelope)
_ANSWERS: Final = frozenset({"task_response", "agent_response", "skill_response"})
_HEAD: Final = re.compile(rb'\{"type":"([a-z_]{1,64})","request_id":"([^"\\]{1,64})"')
"""How every message of ours begins, for one that no decoder reads to its end."""
_types: Final = frozenset(str(kind.__struct_config__.tag) for kind in get_args(AnyMessage))


def read(data: bytes | memoryview | msgspec.Raw) -> Read:
    """One message. What cannot be read becomes :class:`Unread`; never raises on any bytes."""
    try:
        return _messages.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _unread(data, str(error))


def _unread(data: bytes | memoryview | msgspec.Raw, reason: str) -> Unread:
    try:
        envelope = _envelope.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _unread_to_its_end(bytes(data))
    if envelope.type not in _types:
        sentence = f"Messages of type {envelope.type[:64]!r} are not known here."
        return Unread(envelope.request_id, UnknownType(sentence))
    return Unread(envelope.request_id, BadRequest(reason), envelope.type in _ANSWERS)


def _unread_to_its_end(data: bytes) -> Unread:
    head = _HEAD.match(data)
    if head is None:
        return Unread("", BadRequest("A message is not a JSON object with a type."))
    kind, request_id = head[1].decode(), head[2].decode(errors="replace")
    return Unread(request_id, BadRequest("The message is not valid JSON."), kind in _ANSWERS)
