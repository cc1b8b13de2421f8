"""Calls with one peer, both ways: requests, answers, streams, cancel, deadlines, duplicates.

Pure. Effects go to the sink the caller gives, a list; they are the state objects themselves, so
nothing is made per message only to be thrown away:

- :class:`ServedRequest`: start its handler. :class:`StopHandler`: cancel that handler.
- :class:`PendingCall`: it has its ``value`` or ``error`` now.
- :class:`Inflow`, :class:`Outflow`: wake whoever waits at that stream.
- ``CallOverdue``: a call found no path in time. ``PongReceived``, ``ProgressReported``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from chatixia.errors import (
    BadRequest,
    Cancelled,
    DeadlineExceeded,
    HopLimit,
    MeshError,
    Overloaded,
    PeerRestarted,
    TooLarge,
    Unreachable,
    from_wire,
)
from chatixia.ids import AgentId
from chatixia.wire import messages as m
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.peer import FRAME_TARGET, MAX_HOPS, Credit

from . import exchange, frames, unread
from .budget import MAX_PENDING, MAX_SERVED, REMEMBER_SECONDS, PeerBudget, ResourceBudget
from .capabilities import AgreedCapabilities
from .exchange import PendingCall, ServedRequest, StopHandler
from .ports import Incoming, Outgoing
from .session import PeerSession, ReassembledMessage
from .streams import Outflow
from .timers import TimerWheel

MAX_SECONDS: Final = 86_400.0
DEFAULT_SECONDS: Final = 300.0
encode = frames.encode
_EMPTY: Final = msgspec.Raw(b"{}")
Sink = list[Any]


class Calls:
    """All calls between ``me`` and ``peer``, across sessions. ``via``: the present path's tier.

    The driver's: ``feeds``, what pulls a message's artifacts; ``lists``, what pings and pongs say.
    """

    __slots__ = (
        "_alone",
        "_cancelled",
        "_room",
        "account",
        "can",
        "feeds",
        "lists",
        "me",
        "peer",
        "pending",
        "served",
        "session",
        "via",
        "wheel",
    )

    def __init__(
        self, me: AgentId, peer: AgentId, wheel: TimerWheel[Any], room: ResourceBudget | None = None
    ) -> None:
        self.me, self.peer, self.wheel, self._room = me, peer, wheel, room or ResourceBudget()
        self.account = PeerBudget(self._room, peer)
        self.session = PeerSession(self._room.halves)
        self.session.halves.belongs(self.account.holder)
        self.via, self.can = "", AgreedCapabilities()
        self.feeds, self.lists = exchange.no_feeds, exchange.no_lists
        self.pending: dict[str, PendingCall] = {}
        self.served: dict[str, ServedRequest] = {}
        self._cancelled = exchange.EarlyCancels()
        self._alone: tuple[str, ...] = (peer,)

    @property
    def idle(self) -> bool:
        """No call is open either way."""
        return not (self.pending or self.account.running) and self.session.idle

    @property
    def open(self) -> int:
        """Calls open, both ways."""
        return len(self.pending) + self.account.running

    # -- asking

    def ask(self, outgoing: Outgoing, rid: str, now: float) -> PendingCall:
        """Queue a request. Raises HopLimit, TooLarge, Overloaded, UpgradeNeeded; none is sent."""
        if outgoing.path and len(outgoing.path) >= MAX_HOPS:
            raise HopLimit(agent=outgoing.target)
        others = self.pending
        if len(others) >= MAX_PENDING:
            raise Overloaded("Too many calls to this agent are open.", agent=outgoing.target)
        if rid in others:
            raise Overloaded("A call with this key is already open.", agent=outgoing.target)
        data = exchange.request(outgoing, rid)
        cost = len(outgoing.body) if len(data) <= FRAME_TARGET else 0
        deadline = now + outgoing.timeout
        pending = PendingCall(rid, self, outgoing, data, cost, deadline, now)
        if outgoing.stream or outgoing.table:
            pending.flow = self.can.inflow(outgoing)
        elif outgoing.kind == "status":
            pending.tracked = True
        self.session.send(data, pending, cost)
        others[rid] = pending
        pending.bucket = self.wheel.add(pending, deadline)
        return pending

    def wait_until(self, pending: PendingCall, patience: float) -> None:
        """Unsent at ``patience``, it becomes :class:`Late` (at most once)."""
        pending.patience = patience
        self._file(pending, min(patience, pending.deadline))

    def _file(self, pending: PendingCall, at: float) -> None:
        if pending.bucket is not None:
            pending.bucket.discard(pending)
        pending.bucket = self.wheel.add(pending, at)

    def cancel(self, pending: PendingCall) -> None:
        """The asker does not want it any more."""
        if self._forget(pending) and not self.session.withdraw(pending):
            self.session.urgent(encode(m.CancelTell(request_id=pending.rid)))

    def end(self, pending: PendingCall, error: MeshError, sink: Sink) -> None:
        """End a call of ours here and now with ``error``; the far end is told if it knows."""
        if self.pending.get(pending.rid) is pending:
            self.cancel(pending)
            self._resolve(pending, error, sink)

    def move(self, pending: PendingCall, sink: Sink) -> None:
        """Take an unsent (or idempotent) call off the link; its driver carries it elsewhere."""
        if self._forget(pending):
            self.session.withdraw(pending)
            pending.moved = True
            sink.append(pending)

    def _forget(self, pending: PendingCall) -> bool:
        if pending.bucket is not None:
            pending.bucket.discard(pending)
        if self.pending.get(pending.rid) is not pending:
            return False
        del self.pending[pending.rid]
        return True

    def _resolve(self, pending: PendingCall, error: MeshError, sink: Sink) -> None:
        error.agent = error.agent or self.peer
        error.via = error.via or (self.via or None)
        pending.error, pending.via = error, self.via
        sink.append(pending)

    def take(self, pending: PendingCall) -> bytes:
        """The reader takes an item; credit goes back when half the window is used."""
        assert pending.flow is not None
        item = pending.flow.take()
        self._grant(pending)
        return item

    def _grant(self, pending: PendingCall) -> None:
        flow = pending.flow
        if flow is not None and not flow.ended and (total := flow.grant()):
            self.session.urgent(exchange.stream_credit(pending.rid, total))

    def ping(self, rid: str) -> None:
        """Ask for a pong, ahead of all that waits."""
        self.session.urgent(encode(m.PingAsk(request_id=rid, payload=self.lists())))

    # -- serving

    def answer(
        self, served: ServedRequest, result: bytes, table: tuple[ArtifactInfo, ...] = ()
    ) -> None:
        """End with a result. One above 16 MiB becomes ``too_large``."""
        try:
            if served.reply is m.TaskAnswer and served.flow is None and not table:
                self._finish(served, frames.task_response(served.rid, result))
            elif served.answer is not None or served.oneway:
                self._finish(served, b"")
            else:
                self._finish(served, exchange.response(served, result, table))
        except (TooLarge, Overloaded) as error:
            self.refuse(served, error)

    def refuse(self, served: ServedRequest, error: MeshError) -> None:
        """End with an error."""
        if served.answer is None:
            self._finish(served, frames.error_response(served.reply, served.rid, error))

    def _finish(self, served: ServedRequest, data: bytes) -> None:
        if served.answer is not None:
            return
        if served.oneway:
            self.account.answered(0)
            self.served.pop(served.rid, None)
        else:
            self.session.send(data, served)
            self.account.answered(len(data))
        served.answer = data
        if served.bucket is not None:
            served.bucket.discard(served)

    def item(
        self, served: ServedRequest, chunk: bytes, table: tuple[ArtifactInfo, ...], event: bytes
    ) -> bool:
        """Send a stream item if credit allows. False: wait until the Outflow is woken."""
        flow = served.flow
        if flow is None or served.answer is not None:
            raise Cancelled("The stream is over.")
        if not flow.fits(size := self.can.size(chunk, event)):
            if total := flow.want(size):
                self.session.urgent(exchange.stream_credit(served.rid, total))
            return False
        data = exchange.chunk(served, flow.n, chunk, table, event)
        self.session.send(data, None, size if len(data) <= FRAME_TARGET else 0)
        flow.take(size)
        return True

    def progress(self, served: ServedRequest, fraction: float, note: str) -> None:
        """Tell how far it is."""
        if served.answer is None and not served.oneway:
            self.session.send(exchange.step(served.rid, fraction, note))

    # -- what came

    def handle(self, messages: list[m.Read | ReassembledMessage], now: float, sink: Sink) -> None:
        """Take what the session delivered. BadRequest: the path must close."""
        for message in messages:
            kind = message.__class__
            if kind is m.TaskAsk:  # in half the time of a check that mypy follows
                self._task_request(message, now, sink, True)  # type: ignore[arg-type]  # it is one
            elif kind is m.TaskAnswer:
                self._answered_task(message, sink)  # type: ignore[arg-type]  # it is one
            else:
                self._other(message, now, sink)
        if total := self.session.grant():
            self.session.urgent(encode(m.CreditTell(payload=Credit(link=total))))
        if self.session.acked:
            self.settle(sink)

    def _other(self, message: m.Read | ReassembledMessage, now: float, sink: Sink) -> None:
        paid = not isinstance(message, ReassembledMessage)
        read = message.message if isinstance(message, ReassembledMessage) else message
        if isinstance(read, m.TaskAsk):
            self._task_request(read, now, sink, paid)
        elif isinstance(read, m.Asking):
            self._other_request(read, now, sink, paid)
        elif isinstance(read, m.TaskChunk | m.PromptChunk):
            self._chunk(read, sink, paid)
        elif isinstance(read, m.TaskAnswer | m.PromptAnswer | m.SkillAnswer):
            self._answered(read, *exchange.outcome(read), read.error, sink)
        else:
            self._control(read, sink)

    def _control(self, read: m.Read, sink: Sink) -> None:
        if isinstance(read, m.CancelTell):
            self._canceled(read.request_id, sink)
        elif isinstance(read, m.CreditTell):
            self._credited(read.payload, sink)
        elif isinstance(read, m.ProgressTell):
            sink += exchange.advanced(self.pending.get(read.request_id), read.payload)
        elif isinstance(read, m.PingAsk):
            self.session.reply(exchange.pong(read, self.lists()))
            sink.append(exchange.ListsReceived(self.peer, read.payload))
        elif isinstance(read, m.PongAnswer):
            sink += exchange.ponged(self.peer, read)
        elif isinstance(read, m.ErrorTell) and read.frame:
            unread.refused(self, read.frame, sink)
        elif isinstance(read, m.ErrorTell):
            self._answered(read, _EMPTY, 0, read.error, sink)
        elif isinstance(read, m.Unread):
            unread.received(self, read, sink)

    def _task_request(self, ask: m.TaskAsk, now: float, sink: Sink, paid: bool) -> None:
        payload, rid, account = ask.payload, ask.request_id, self.account
        args = payload.args
        if paid:
            self.session.consumed(len(args))
        if payload.message and args == _EMPTY:
            args = msgspec.Raw(encode({"message": payload.message}))
        path = (*ask.path, self.peer) if ask.path else self._alone
        # By position: it is made for every call. Its deadline is set where it is let in.
        # fmt: off
        incoming = Incoming(
            self.peer, rid, "task", payload.skill, args, payload.stream, path, None,
            ask.traceparent, self.via, rid, account.holder, account.trust,
        )
        # fmt: on
        if payload.artifacts:
            incoming.artifacts = self.feeds(payload.artifacts)
        self._admit(ask, incoming, m.TaskAnswer, now, sink)

    def _other_request(self, ask: m.Asking, now: float, sink: Sink, paid: bool) -> None:
        body: msgspec.Raw = ask.payload  # type: ignore[attr-defined]  # each of KINDS has one
        stream = False
        if isinstance(ask, m.PromptAsk):
            if paid:
                self.session.consumed(len(body))
            try:
                stream = exchange.wants_stream(body)
            except BadRequest as error:
                self.session.reply(exchange.complaint(ask.request_id, error))
                return
        kind, reply = exchange.KINDS[type(ask)]
        incoming = exchange.incoming(ask, body, kind, stream, self.peer, self.via, self.account)
        self._admit(ask, incoming, reply, now, sink)

    def _admit(
        self, ask: m.Asking, incoming: Incoming, reply: type[m.Answer], now: float, sink: Sink
    ) -> None:
        rid, others = ask.request_id, self.served
        earlier = others.get(rid)
        if earlier is not None:  # while it runs the duplicate attaches to it; then the same again
            if earlier.answer is not None and not earlier.oneway:
                self.session.repeat(earlier.answer, earlier)
            return
        plain = rid and ask.deadline_ms and not (ask.source_agent or ask.target_agent or ask.path)
        plain = plain and len(others) < MAX_SERVED and not self._cancelled
        if not (plain and self.account.admit()):
            error = self._objection(ask, incoming)
            if error is not None:
                self.session.reply(frames.error_response(reply, rid, error))
                return
        seconds = DEFAULT_SECONDS if ask.deadline_ms is None else ask.deadline_ms / 1000
        incoming.deadline = deadline = now + (seconds if seconds < MAX_SECONDS else MAX_SECONDS)
        served = ServedRequest(rid, self, reply, incoming, deadline)
        served.oneway = reply is m.ErrorTell
        if incoming.stream:
            served.flow = Outflow()
        others[rid] = served
        served.bucket = self.wheel.add(served, deadline)
        sink.append(served)

    def _objection(self, ask: m.Asking, incoming: Incoming) -> MeshError | None:
        """Why it is not let in; None when it is, and counted."""
        if error := exchange.objection(ask, incoming, self.me):
            return error
        if self._cancelled.take(ask.request_id):
            return Cancelled(agent=self.me)
        if len(self.served) >= MAX_SERVED or not self.account.admit():
            message = "The agent has too many open requests of yours."
            return Overloaded(message, agent=self.me, retry_after=1.0)
        return None

    def _answered_task(self, answer: m.TaskAnswer, sink: Sink) -> None:
        payload = answer.payload
        pending = self.pending.get(answer.request_id)
        if pending is not None and answer.error is None and pending.flow is None:
            del self.pending[answer.request_id]
            pending.bucket.discard(pending)  # type: ignore[union-attr]  # filed when sent
            pending.via, pending.value = self.via, payload.result
            if payload.artifacts:
                pending.artifacts = payload.artifacts
            sink.append(pending)
            return
        self._answered(answer, payload.result, payload.items, answer.error, sink)

    def _answered(
        self, answer: m.Message, value: msgspec.Raw, items: int, error: Any, sink: Sink
    ) -> None:
        pending = self.pending.pop(answer.request_id, None)
        if pending is None:
            return  # a duplicate, or from a peer that was never asked
        if pending.bucket is not None:
            pending.bucket.discard(pending)
        pending.via = self.via
        if error is not None:
            pending.error = from_wire(error)
            pending.error.agent, pending.error.via = error.agent or self.peer, self.via
        else:
            pending.value, pending.artifacts = value, exchange.table(answer)
        flow = pending.flow
        if flow is not None and error is None and flow.next < items:
            flow.end(items)  # the end overtook items that travel in fragments
            self.pending[pending.rid] = pending
            self._file(pending, pending.deadline)
            return
        if flow is not None:
            flow.end(items if error is None else flow.next)
        sink.append(pending)

    def _chunk(self, chunk: m.TaskChunk | m.PromptChunk, sink: Sink, paid: bool) -> None:
        item, event = exchange.item_and_event(chunk)
        if paid:
            self.session.consumed(self.can.size(chunk.payload.item, event))
        pending = self.pending.get(chunk.request_id)
        if pending is None or pending.flow is None:
            return
        pending.flow.counts_events = self.can.events
        pending.flow.put(chunk.payload.n, item, chunk.payload.artifacts, event)
        if pending.flow.ended:
            self._forget(pending)
        sink.append(pending if pending.flow.ended else pending.flow)

    def _credited(self, credit: Credit, sink: Sink) -> None:
        if credit.link:
            self.session.allow(credit.link)
        for rid, total in credit.streams.items():
            served = self.served.get(rid)
            if served is not None and served.flow is not None:
                served.flow.allowed = max(served.flow.allowed, total)
                sink.append(served.flow)
            elif rid in self.pending and (flow := self.pending[rid].flow) is not None:
                flow.wanted = max(flow.wanted, total)
                self._grant(self.pending[rid])

    def _canceled(self, rid: str, sink: Sink) -> None:
        served = self.served.get(rid)
        if served is None:
            self._cancelled.add(rid)
        elif served.answer is None:
            self.refuse(served, Cancelled(agent=self.me))
            sink.append(StopHandler(served))

    # -- time and endings

    def settle(self, sink: Sink) -> None:
        """Forget answers that the peer acknowledged; a told status is done."""
        freed = 0
        for note in self.session.acked:
            if note.__class__ is ServedRequest:
                if self.served.pop(note.rid, None) is not None:
                    freed += len(note.answer or b"")
            elif note.rid in self.pending:
                self._forget(note)
                note.value, note.via = b"null", self.via
                sink.append(note)
        self.session.acked.clear()
        if freed:
            self.account.keep(-freed)

    def expire(self, item: PendingCall | ServedRequest, now: float, sink: Sink) -> None:
        """The wheel says that the item's time has come."""
        if isinstance(item, ServedRequest):
            if item.answer is None:
                self.refuse(item, DeadlineExceeded(agent=self.me))
                sink.append(StopHandler(item))
        elif item.patience and now < item.deadline:
            item.patience = 0.0
            item.bucket = self.wheel.add(item, item.deadline)
            if not item.sent:
                sink.append(exchange.CallOverdue(item))
        elif item.sent:
            self.end(item, DeadlineExceeded(), sink)
        else:
            self.end(item, Unreachable(f"No link to {self.peer} opened before the deadline."), sink)

    def sweep(self, now: float) -> None:
        """Forget answers that nobody acknowledged, 60 s past their deadline."""
        for rid, served in list(self.served.items()):
            if served.answer is not None and served.deadline + REMEMBER_SECONDS < now:
                del self.served[rid]
                self.account.keep(-len(served.answer))

    def belongs(self, holder: str, trust: str) -> None:
        """The peer's link has proved whose share it uses, and who vouches for it."""
        self.account.belongs(holder)
        self.account.trust = trust
        self.session.halves.belongs(self.account.holder)

    def restart(self, sink: Sink, kind: type[Unreachable] = PeerRestarted) -> None:
        """A new session: the peer is a new process, or has forgotten this one. Sent calls end as
        ``kind``, unless idempotent."""
        self._abandon(kind, sink)
        self.session.end()
        self.session = self.can.session(self._room.halves)
        self.session.halves.belongs(self.account.holder)
        for pending in self.pending.values():
            pending.frame = 0
            self.session.send(pending.data, pending, pending.cost)

    def peer_lost(self, sink: Sink) -> None:
        """The peer's process is gone: sent calls end, their outcome unknown."""
        self._abandon(Unreachable, sink)
        self.session.let_go()

    def _abandon(self, kind: type[Unreachable], sink: Sink) -> None:
        for pending in list(self.pending.values()):
            if pending.sent and not pending.lasting:
                self._forget(pending)
                self._resolve(pending, exchange.cut_off(kind, self.peer), sink)
        for served in list(self.served.values()):
            if served.answer is None:
                lost = Cancelled(outcome="unknown")
                self._finish(served, frames.error_response(served.reply, served.rid, lost))
                sink.append(StopHandler(served))
