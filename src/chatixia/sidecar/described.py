"""The described contract (requirements B.4): whole MeshMessages instead of calls and requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatixia.core.described import ANSWERS, KINDS, DescribedAnswer
from chatixia.core.ports import CallAnswer, MeshPort, Outgoing
from chatixia.errors import BadRequest, MeshError, SkillFailed, UnknownType, from_wire
from chatixia.ids import AgentId
from chatixia.wire.base import EMPTY, decode, decoder, encode
from chatixia.wire.ipc import MAX_LINE
from chatixia.wire.ipc_events import MessageEvent, MessagePayload
from chatixia.wire.peer import MeshMessage

from .requests import OpenRequest


class DescribedRequest(msgspec.Struct):
    """Payload of a described ``task_request``."""

    skill: str = ""
    message: str = ""
    args: msgspec.Raw = EMPTY


_message: Final = decoder(MeshMessage)
_request: Final = decoder(DescribedRequest)
_answer: Final = decoder(DescribedAnswer)


def read(raw: msgspec.Raw) -> MeshMessage:
    """A MeshMessage. Raises BadRequest."""
    message: MeshMessage = decode(_message, bytes(raw), MAX_LINE)
    return message


def asking(message: MeshMessage, target: str) -> Outgoing:
    """What ``message`` asks of ``target``. Raises UnknownType, BadRequest."""
    kind = KINDS.get(message.type)
    if kind is None:
        raise UnknownType(f"{message.type[:64]} cannot be sent.")
    outgoing = Outgoing(AgentId(target), kind=kind, body=bytes(message.payload))
    if message.deadline_ms:
        outgoing.timeout = min(message.deadline_ms / 1000, 86_400.0)
    if kind == "task":
        wanted: DescribedRequest = decode(_request, bytes(message.payload), MAX_LINE)
        outgoing.skill, outgoing.body = wanted.skill[:64], bytes(wanted.args)
        if wanted.message and wanted.args == EMPTY:
            outgoing.body = encode({"message": wanted.message})
    return outgoing


def answer(message: MeshMessage, target: str, me: str, outcome: CallAnswer | MeshError) -> bytes:
    """The line that tells how ``message`` was answered; in the described form."""
    kind = ANSWERS[message.type]
    error = outcome if isinstance(outcome, MeshError) else None
    value = msgspec.Raw(b"null" if isinstance(outcome, MeshError) else outcome.value)
    sentence = "" if error is None else error.message
    payload: Any = value
    if kind == "task_response":
        payload = {"result": value, "error": sentence}
    elif kind == "agent_response":
        payload = {"text": value, "error": sentence}
    elif error is not None:
        payload = {"error": sentence}
    body = msgspec.Raw(encode(payload))
    back = MeshMessage(kind, message.request_id, target, me, body)
    back.error = None if error is None else error.to_wire()
    return event(target, back)


def event(peer: str, message: MeshMessage) -> bytes:
    """A ``message`` line."""
    return encode(MessageEvent(MessagePayload(peer, msgspec.Raw(encode(message)))))


class DescribedRequests:
    """The requests that a described program has, by who asked and under which id."""

    def __init__(self, port: MeshPort, write: Callable[[bytes], None]) -> None:
        self._port, self._write = port, write
        self._open: dict[tuple[str, str], OpenRequest] = {}

    def give(self, request: OpenRequest) -> None:
        """Tell of a request."""
        incoming = request.incoming
        me, caller, rid = self._port.id, incoming.caller, incoming.request_id
        self._open[caller, rid] = request
        if incoming.kind == "prompt":
            message = MeshMessage("agent_prompt", rid, caller, me, incoming.body)
        else:
            text = _text(incoming.body)
            payload = {"skill": incoming.skill, "message": text, "args": incoming.body}
            message = MeshMessage("task_request", rid, caller, me, msgspec.Raw(encode(payload)))
        message.path, message.traceparent = list(incoming.path[:-1]), incoming.traceparent
        self._write(event(caller, message))

    def withdraw(self, request: OpenRequest) -> None:
        """Nobody waits for it any more; the described form has no word for that."""
        self._open.pop((request.incoming.caller, request.incoming.request_id), None)

    def answer(self, peer: str, message: MeshMessage) -> None:
        """The program answers. Raises BadRequest where nothing was asked."""
        request = self._open.pop((peer, message.request_id), None)
        if request is None or request.over.done():
            raise BadRequest(f"{peer} waits for no answer to {message.request_id[:64]!r}.")
        reply: DescribedAnswer = decode(_answer, bytes(message.payload), MAX_LINE)
        if message.error is not None:
            request.end(from_wire(message.error))
        elif reply.error:
            request.end(SkillFailed(reply.error, agent=self._port.id))
        else:
            value = reply.result if message.type == "task_response" else reply.text
            if message.type == "agent_response" and value == b"null":
                value = reply.result
            request.responder.reply(bytes(value))
            request.end()


def _text(body: msgspec.Raw) -> str:
    """The described free text of a task's arguments."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    text = value.get("message", "") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""
