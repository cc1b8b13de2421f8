"""Messages and descriptions of the described contract (requirements B.3), judged and translated.

Whoever sends them has proved no key: what a message says of its sender, path or target counts for
nothing, and a description is mended instead of believed. Pure.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from chatixia.errors import (
    BadArguments,
    MeshError,
    SkillFailed,
    TooLarge,
    UnknownSkill,
    UnknownType,
    from_wire,
)
from chatixia.wire.base import decode, decoder, encode
from chatixia.wire.described import MAX_DESCRIBED
from chatixia.wire.peer import MeshMessage, Prompt, SkillQuery, Status

from .ports import Kind, Outgoing
from .sdp import check_candidate, scan, strip

UNVERIFIED: Final = "unverified"
SERVED_SECONDS: Final = 120.0
"""How long a described request is worked on that says nothing of its time."""
MOST_SECONDS: Final = 86_400.0

ANSWERS: Final[dict[str, str]] = {
    "task_request": "task_response",
    "agent_prompt": "agent_response",
    "skill_query": "skill_response",
    "ping": "pong",
}
KINDS: Final[dict[str, Kind]] = {
    "task_request": "task",
    "agent_prompt": "prompt",
    "skill_query": "skills",
    "agent_status": "status",
}
TYPES: Final[dict[Kind, str]] = {kind: name for name, kind in KINDS.items()}
NO_ARGUMENTS: Final = ("skill", "timeout_ms")
"""Keys of a task's payload that are none of its skill's arguments."""


class DescribedAnswer(msgspec.Struct):
    """Payload of a described ``task_response`` or ``agent_response``. ``error``: a sentence."""

    result: msgspec.Raw = msgspec.Raw(b"null")
    text: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None


class DescribedWork(msgspec.Struct):
    """What a message asks for. ``body``: as a handler of ``kind`` reads it; ``seconds``: for it."""

    kind: Kind
    skill: str
    body: msgspec.Raw
    seconds: float = SERVED_SECONDS


_message: Final = decoder(MeshMessage)
_fields: Final = decoder(dict[str, msgspec.Raw])
_prompt: Final = decoder(Prompt)
_query: Final = decoder(SkillQuery)
_status: Final = decoder(Status)
answers: Final = decoder(DescribedAnswer)


def tier_of(tier: str) -> str:
    """How a path with a described peer is shown: whoever reads it knows that nobody is proved."""
    return f"{tier}, {UNVERIFIED}"


def description(sdp: str) -> str:
    """A peer's description, fit for an engine: one fingerprint, and no candidate that an honest
    peer does not have. Nobody signed it, so it may be mended. Raises BadRequest, TooLarge."""
    lines = [
        line
        for line in strip(sdp).splitlines()
        if not line.startswith("a=candidate:") or not check_candidate(line[2:])
    ]
    text = "".join(f"{line}\r\n" for line in lines)
    scan(text)
    return text


def read(text: str) -> MeshMessage:
    """A MeshMessage. Raises BadRequest, TooLarge."""
    message: MeshMessage = decode(_message, text, MAX_DESCRIBED)
    return message


def work_of(message: MeshMessage) -> DescribedWork:
    """What ``message`` asks for. Raises BadRequest, UnknownType."""
    payload = bytes(message.payload)
    if message.type == "task_request":
        return _task(payload)
    if message.type == "agent_prompt":
        prompt: Prompt = decode(_prompt, payload, MAX_DESCRIBED)
        words = Prompt(
            message=prompt.message or prompt.text,
            session_id=prompt.session_id,
            direct=prompt.direct,
            broadcast=prompt.broadcast,
        )
        return DescribedWork("prompt", "", msgspec.Raw(encode(words)))
    if message.type == "skill_query":
        query: SkillQuery = decode(_query, payload, MAX_DESCRIBED)
        return DescribedWork("skills", "", msgspec.Raw(encode(query)))
    if message.type == "agent_status":
        return DescribedWork("status", "", msgspec.Raw(encode(decode(_status, payload, 1024))))
    raise UnknownType(f"{message.type[:64]} asks for nothing.")


def _task(payload: bytes) -> DescribedWork:
    fields = _object(payload)
    skill = _text(fields.get("skill"))
    seconds = _number(fields.get("timeout_ms"), SERVED_SECONDS * 1000) / 1000
    return DescribedWork("task", skill[:64], arguments_of(fields), min(seconds, MOST_SECONDS))


def arguments_of(fields: dict[str, msgspec.Raw]) -> msgspec.Raw:
    """The arguments in a task's payload: ``args``, as its documents say, or else every key that is
    not about the request, as its code does."""
    args = fields.get("args")
    if args is not None and bytes(args).lstrip()[:1] == b"{":
        return args
    own = {key: value for key, value in fields.items() if key not in NO_ARGUMENTS}
    return msgspec.Raw(encode(own))


def _object(payload: bytes) -> dict[str, msgspec.Raw]:
    fields: dict[str, msgspec.Raw] = {}
    if payload != b"null":
        fields = decode(_fields, payload, MAX_DESCRIBED)
    return fields


def _text(raw: msgspec.Raw | None) -> str:
    value = msgspec.json.decode(raw) if raw is not None else ""
    return value if isinstance(value, str) else ""


def _number(raw: msgspec.Raw | None, default: float) -> float:
    value = msgspec.json.decode(raw) if raw is not None else default
    good = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if good else default


def request(outgoing: Outgoing, rid: str, me: str) -> str:
    """The message that asks for ``outgoing``. Raises BadArguments, BadRequest, TooLarge."""
    kind = TYPES[outgoing.kind]
    if outgoing.artifacts:
        raise BadArguments(f"{outgoing.target} takes no files: it has no link that carries them.")
    payload: Any = msgspec.Raw(outgoing.body)
    if outgoing.kind == "task":
        payload = _object(bytes(outgoing.body))
        if "skill" in payload:
            raise BadArguments("A described peer takes no argument called 'skill'.")
        payload["skill"] = outgoing.skill
    elif outgoing.kind == "prompt":
        prompt: Prompt = decode(_prompt, bytes(outgoing.body), len(outgoing.body))
        words = prompt.message or prompt.text
        payload = {"message": words, "text": words, "session_id": prompt.session_id}
        payload["broadcast" if prompt.broadcast else "direct"] = True
    return message_text(kind, rid, me, outgoing.target, payload)


def message_text(kind: str, rid: str, me: str, target: str, payload: Any) -> str:
    """A message as text. Raises TooLarge."""
    body = msgspec.Raw(encode(payload))
    message = MeshMessage(kind, rid, me, target, body)
    text = encode(message).decode()
    if len(text.encode()) > MAX_DESCRIBED:
        raise TooLarge(
            f"A described peer takes {MAX_DESCRIBED} bytes in one message; this has {len(text)}.",
            agent=target,
        )
    return text


def answer(question: MeshMessage, me: str, target: str, value: bytes, error: str = "") -> str:
    """The answer to ``question`` with ``value``, or with an ``error``. Raises TooLarge."""
    kind, raw = ANSWERS[question.type], msgspec.Raw(value or b"null")
    payload: Any = raw
    if kind == "task_response":
        payload = {"result": raw, "error": error}
    elif kind == "agent_response":
        payload = {"text": raw, "error": error}
    elif error:
        payload = {"error": error}
    return message_text(kind, question.request_id, me, target, payload)


def value_of(message: MeshMessage, outgoing: Outgoing) -> bytes:
    """The value in an answer. Raises what it says went wrong, and BadRequest."""
    if message.error is not None:
        raise _blamed(from_wire(message.error), outgoing)
    if message.type in ("skill_response", "pong"):
        return bytes(message.payload)
    reply: DescribedAnswer = decode(answers, bytes(message.payload), MAX_DESCRIBED)
    if reply.error:
        kind = UnknownSkill if reply.error.startswith("unknown skill") else SkillFailed
        raise kind(reply.error[:1024], agent=outgoing.target)
    value = bytes(reply.result)
    return bytes(reply.text) if value == b"null" and message.type == "agent_response" else value


def _blamed(error: MeshError, outgoing: Outgoing) -> MeshError:
    error.agent = outgoing.target
    return error


def is_answer(message: MeshMessage) -> bool:
    """Whether a message answers one."""
    return message.type in ANSWERS.values()
