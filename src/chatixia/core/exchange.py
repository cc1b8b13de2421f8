"""What one call is made of, on either side, and its bytes. ``core.call`` moves it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from chatixia.errors import (
    BadRequest,
    DeadlineExceeded,
    Denied,
    HopLimit,
    MeshError,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.wire import messages as m
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.base import EMPTY
from chatixia.wire.events import MAX_EVENT
from chatixia.wire.peer import MAX_HOPS, Credit, Progress, Prompt, StreamChunk, TaskResponse

from . import frames
from .budget import PeerBudget
from .ports import ArtifactFeed, Incoming, Kind, Outgoing
from .streams import Inflow, Outflow

MAX_CANCELLED: Final = 256
"""Requests cancelled before they arrived that are remembered for one peer."""
encode = frames.encode
_prompt: Final = msgspec.json.Decoder(Prompt)


class PendingCall(msgspec.Struct, eq=False):
    """A request of ours. ``frame``: the last that carried (a part of) it; 0 until a path took one.

    ``tracked``: it is done once the peer acknowledged it. ``patience``: until when it may wait
    unsent; 0 once that is settled. ``artifacts``: those of its ``value``. ``waiter``: the driver's.
    """

    rid: str
    owner: Any
    outgoing: Outgoing
    data: bytes
    cost: int
    deadline: float
    started: float
    tracked: bool = False
    frame: int = 0
    value: msgspec.Raw | bytes | None = None
    error: MeshError | None = None
    via: str = ""
    patience: float = 0.0
    moved: bool = False
    artifacts: tuple[ArtifactInfo, ...] = ()
    flow: Inflow | None = None
    bucket: set[Any] | None = None
    waiter: Any = None

    @property
    def sent(self) -> bool:
        """Whether some frame of it was given to a path."""
        return self.frame > 0

    @property
    def lasting(self) -> bool:
        """Whether it waits for the return of a lost peer: it may run twice, and nobody else has
        it."""
        return self.outgoing.idempotent and not self.outgoing.elsewhere and self.flow is None


class ServedRequest(msgspec.Struct, eq=False):
    """A request of theirs, and its place in the duplicate table.

    ``answer``: the encoded response once there is one; forgotten when it was acknowledged.
    ``task``: the driver's.
    """

    tracked: ClassVar[bool] = True
    rid: str
    owner: Any
    reply: type[m.Answer]
    incoming: Incoming
    deadline: float
    frame: int = 0
    answer: bytes | None = None
    oneway: bool = False
    flow: Outflow | None = None
    bucket: set[Any] | None = None
    task: Any = None


class EarlyCancels(dict[str, bool]):
    """Ids of requests that were cancelled before they arrived: a cancel may overtake its own
    request, which travels in fragments. The oldest goes when there are too many."""

    def add(self, rid: str) -> None:
        """That request is cancelled."""
        self[rid] = True
        if len(self) > MAX_CANCELLED:
            del self[next(iter(self))]

    def take(self, rid: str) -> bool:
        """Whether it was cancelled before; it is forgotten then."""
        return self.pop(rid, False)


class StopHandler(msgspec.Struct):
    """Cancel the handler; its answer is already given."""

    served: ServedRequest


class CallOverdue(msgspec.Struct):
    """A call has waited unsent for as long as it may: the queue's turn, or an end."""

    pending: PendingCall


class ProgressReported(msgspec.Struct):
    """The far side says how far a request of ours is: a fraction from 0 to 1, and a note."""

    pending: PendingCall
    fraction: float
    note: str


class ListsReceived(msgspec.Struct):
    """A ping or a pong came from ``peer``; its payload says which signed lists it has."""

    peer: AgentId
    payload: msgspec.Raw


class PongReceived(msgspec.Struct):
    """A pong came for that request id."""

    rid: str


KINDS: Final[dict[type[m.Asking], tuple[Any, type[m.Answer]]]] = {
    m.PromptAsk: ("prompt", m.PromptAnswer),
    m.SkillAsk: ("skills", m.SkillAnswer),
    m.StatusTell: ("status", m.ErrorTell),
}


def pong(ask: m.PingAsk, lists: msgspec.Raw) -> bytes:
    """The answer to a ping."""
    return encode(m.PongAnswer(request_id=ask.request_id, payload=lists))


def ponged(peer: AgentId, answer: m.PongAnswer) -> list[PongReceived | ListsReceived]:
    """What a pong says."""
    return [PongReceived(answer.request_id), ListsReceived(peer, answer.payload)]


def no_lists() -> msgspec.Raw:
    """The payload of a ping where no signed list is known."""
    return EMPTY


def incoming(
    ask: m.Asking,
    body: msgspec.Raw,
    kind: Kind,
    stream: bool,
    peer: AgentId,
    via: str,
    account: PeerBudget,
) -> Incoming:
    """A request of ``peer`` that is no task, as the handler gets it; its deadline is not set.
    ``body``: its payload."""
    return Incoming(
        peer,
        ask.request_id,
        kind,
        "",
        body,
        stream,
        (*ask.path, peer),
        None,
        ask.traceparent,
        via,
        ask.request_id,
        holder=account.holder,
        trust=account.trust,
    )


def objection(ask: m.Asking, incoming: Incoming, me: AgentId) -> MeshError | None:
    """Why a request is refused whatever else is open; None if nothing is wrong with it."""
    if (ask.source_agent and ask.source_agent != incoming.caller) or (
        ask.target_agent and ask.target_agent not in (me, "*")
    ):
        return Denied("A message names another sender or receiver than its link has.")
    if len(incoming.path) > MAX_HOPS:
        return HopLimit(agent=me)
    if not ask.request_id and type(ask) is not m.StatusTell:
        return BadRequest("A request needs a request_id.")
    if ask.deadline_ms == 0:
        return DeadlineExceeded(agent=me, outcome="definite")
    return None


def request(outgoing: Outgoing, rid: str) -> bytes:
    """The encoded request of ``outgoing.kind``."""
    millis = (int(outgoing.timeout * 1000) or 1) if outgoing.timeout > 0 else 0
    if outgoing.kind == "task":
        flags = b',"stream":true' if outgoing.stream else b""
        if outgoing.idempotent:
            flags += b',"idempotent":true'
        if outgoing.table:
            flags += b',"artifacts":' + encode(outgoing.table)
        path, trace = outgoing.path, outgoing.traceparent
        return frames.task_request(rid, outgoing.skill, outgoing.body, millis, path, trace, flags)
    kind: Any = {"prompt": m.PromptAsk, "skills": m.SkillAsk, "status": m.StatusTell}[outgoing.kind]
    body = msgspec.Raw(outgoing.body)
    return encode(
        kind(
            request_id=rid,
            payload=body,
            deadline_ms=millis,
            path=outgoing.path,
            traceparent=outgoing.traceparent,
        )
    )


def response(served: ServedRequest, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> bytes:
    """The encoded response with ``result`` (JSON bytes), after the items of its stream."""
    items = served.flow.n if served.flow is not None else 0
    if served.reply is m.TaskAnswer and not items and not table:
        return frames.task_response(served.rid, result)
    raw = msgspec.Raw(result)
    if served.reply is m.SkillAnswer:
        return encode(m.SkillAnswer(request_id=served.rid, payload=raw))
    if served.reply is m.PromptAnswer:
        text = m.PromptText(raw, items)
        return encode(m.PromptAnswer(request_id=served.rid, payload=text))
    return encode(m.TaskAnswer(request_id=served.rid, payload=TaskResponse(raw, items, table)))


def chunk(
    served: ServedRequest,
    n: int,
    item: bytes,
    table: tuple[ArtifactInfo, ...] = (),
    event: bytes = b"",
) -> bytes:
    """Item ``n`` of a stream, encoded."""
    kind = m.PromptChunk if served.reply is m.PromptAnswer else m.TaskChunk
    payload = StreamChunk(n=n, item=msgspec.Raw(item), artifacts=table)
    if event:
        payload.event = msgspec.Raw(event)
    return encode(kind(request_id=served.rid, payload=payload))


def item_and_event(chunk: m.TaskChunk | m.PromptChunk) -> tuple[bytes, bytes]:
    """The item of a stream that came, and its event. BadRequest for an event above 4 KiB."""
    payload = chunk.payload
    item, event = bytes(payload.item), payload.event
    if isinstance(chunk, m.PromptChunk) and payload.text:
        item = encode(payload.text)
    if event is msgspec.UNSET:
        return item, b""
    if len(event) > MAX_EVENT:
        raise BadRequest(f"An event has {len(event)} bytes; the bound is {MAX_EVENT}.")
    return item, bytes(event)


def complaint(rid: str, error: MeshError, frame: int = 0) -> bytes:
    """The encoded ``error`` message about what could not be handled: a message, or the ``frame``
    of that number, of which no message could be read."""
    return encode(m.ErrorTell(request_id=rid, error=error.to_wire(), frame=frame))


def cut_off(kind: type[Unreachable], peer: str) -> Unreachable:
    """Why a call ends that ``peer`` holds; by name, for it may pass through others from here on."""
    return kind(kind.sentence.replace("The agent", peer), agent=peer, outcome="unknown")


def stream_credit(rid: str, total: int) -> bytes:
    """The encoded running total of a stream."""
    return encode(m.CreditTell(payload=Credit(streams={rid: total})))


def step(rid: str, fraction: float, note: str) -> bytes:
    """The encoded word on how far a request of theirs is."""
    return encode(m.ProgressTell(request_id=rid, payload=Progress(fraction, note[:1024])))


def advanced(pending: PendingCall | None, step: Progress) -> list[ProgressReported]:
    """The effect of the far side's word on progress: none where nobody asked to hear of it."""
    if pending is None or pending.outgoing.on_progress is None:
        return []
    return [ProgressReported(pending, step.fraction, step.note)]


def wants_stream(prompt: msgspec.Raw) -> bool:
    """Whether the answer to that prompt is to be streamed. BadRequest if it is no Prompt."""
    try:
        return _prompt.decode(prompt).stream
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(str(error)) from None


def no_feeds(table: tuple[ArtifactInfo, ...]) -> tuple[ArtifactFeed, ...]:
    """Where nothing can be pulled."""
    return ()


def table(answer: m.Message) -> tuple[ArtifactInfo, ...]:
    """The artifacts that an answer names."""
    return answer.payload.artifacts if isinstance(answer, m.TaskAnswer) else ()


def outcome(answer: m.TaskAnswer | m.PromptAnswer | m.SkillAnswer) -> tuple[msgspec.Raw, int]:
    """The value of an answer, and how many stream items came before it."""
    if isinstance(answer, m.TaskAnswer):
        return answer.payload.result, answer.payload.items
    if isinstance(answer, m.PromptAnswer):
        return answer.payload.text, answer.payload.items
    return answer.payload, 0
