"""The relay's streams between two logins: opened by signaling, carried as binary messages.

What a stream carries is never looked at. Whoever breaks a rule loses the stream, never the login.
"""

from __future__ import annotations

from typing import Final

from chatixia.core.relay_limits import RelayLimits, RelayRates
from chatixia.core.relay_table import RelayParty, RelayStream, RelayTable
from chatixia.core.shares import Shares
from chatixia.errors import Denied, MeshError, UnknownAgent
from chatixia.registry.meter import Meter
from chatixia.wire.base import MIB
from chatixia.wire.relay import (
    MAX_RELAY_DATA,
    RelayHeader,
    RelayKind,
    RelayReason,
    close_message,
    credit_of,
    end_of,
    read_header,
    restamp,
    write_header,
)
from chatixia.wire.signaling import RelayOpen, RelayReady
from chatixia.world import World

from .relay import forward, refusal, target_of
from .relay_queue import RelayItem, RelayQueue, RelayRoute
from .roster import Roster, holder, reachable
from .socket import Socket

WAITING_BYTES: Final = 64 * MIB
"""Bytes of all streams that wait for slow receivers; the senders' machines share them."""


class RelayStreams:
    """Carries the streams of all logins, within ``limits``."""

    def __init__(self, roster: Roster, limits: RelayLimits, meter: Meter, world: World) -> None:
        self._roster, self._limits, self._meter = roster, limits, meter
        self._now = world.monotonic
        self._rates = RelayRates(limits, self._now())
        self._waiting = Shares(WAITING_BYTES)
        self.table = RelayTable(limits.streams)
        roster.ended.append(self.ended)

    @property
    def waiting(self) -> int:
        """Bytes that wait for receivers."""
        return self._waiting.used

    # ---- signaling

    def open(self, sender: Socket, frame: RelayOpen) -> None:
        """Pass on a ``relay_open``. Raises Denied, UnknownAgent, Overloaded, BadRequest."""
        if not self._limits.enabled:
            raise Denied("This registry does not relay (relay.enabled in registry.yaml).")
        target = target_of(self._roster, sender, frame.target_id)
        stream, oldest = self.table.ask(_party(sender), _party(target), frame.attempt, self._now())
        if oldest is not None and oldest.is_open:
            self._close(oldest, RelayReason.LIMITS)
        self._forward(stream, sender, target, frame)

    def _forward(
        self, stream: RelayStream, sender: Socket, target: Socket, frame: RelayOpen | RelayReady
    ) -> None:
        try:
            forward(sender, target, frame)
        except UnknownAgent:
            self.table.end(stream)
            raise

    def ready(self, sender: Socket, frame: RelayReady) -> None:
        """Pass on a ``relay_ready``: the stream is open. Raises as :meth:`open`, and NotFound."""
        target = target_of(self._roster, sender, frame.target_id)
        stream = self.table.ready(sender.id, target.id, frame.attempt)
        self._forward(stream, sender, target, frame)

    # ---- binary messages

    def read(self, sender: Socket, message: bytes) -> None:
        """One binary message as it came. Never raises and never waits."""
        queue, start = sender.relayed, end_of(message)
        route = queue.routes.get(message[:start]) if isinstance(queue, RelayQueue) else None
        size = len(message) - start
        if route is not None and not route.stream.ended and 0 < size <= MAX_RELAY_DATA:
            self._carry(route, message, start)
        else:
            self._read_other(sender, message)

    def _read_other(self, sender: Socket, message: bytes) -> None:
        """Any but data of a stream that has sent some before."""
        try:
            header = read_header(message)
        except MeshError as error:
            self._refuse(sender, error)
            return
        stream = self.table.find(sender.id, header.peer, header.attempt)
        receiver = self._roster.get(header.peer)
        if stream is None or receiver is None or self._roster.get(sender.id) is not sender:
            self._unknown(sender, header)
        elif header.kind is RelayKind.DATA:
            self._data(stream, sender, receiver, message, header)
        elif header.kind is RelayKind.CREDIT:
            flow = stream.flows[header.peer]
            if flow.credit(credit_of(message, header), self._window(sender.id)):
                self._queue(receiver).put_credit(stream, receiver.id)
        else:
            self._end(stream, restamp(message, header, sender.id), receiver.id)

    def _data(
        self,
        stream: RelayStream,
        sender: Socket,
        receiver: Socket,
        message: bytes,
        header: RelayHeader,
    ) -> None:
        head = write_header(RelayKind.DATA, sender.id, header.attempt)
        queue = self._queue(receiver)
        route = RelayRoute(stream, stream.flows[sender.id], sender.id, head, queue)
        self._queue(sender).routes[message[: header.start]] = route
        self._carry(route, message, header.start)

    def _carry(self, route: RelayRoute, message: bytes, start: int) -> None:
        size, (stream, flow, source, head, queue) = len(message) - start, route
        if not flow.take(size):
            self._close(stream, RelayReason.OVER_CREDIT)
            return
        item = RelayItem(stream, source, head + memoryview(message)[start:], size)
        if queue.put(flow.holder, item):
            self._meter.relayed(size)
        else:
            self._close(stream, RelayReason.LIMITS)

    def _written(self, stream: RelayStream, sender: str, size: int) -> None:
        """Data of ``sender`` was handed to the receiver's socket."""
        window = self._window(stream.other(sender))
        if not stream.ended and stream.flows[sender].write(size, window):
            socket = self._roster.get(sender)
            if socket is not None:
                self._queue(socket).put_credit(stream, sender)

    def _window(self, receiver: str) -> int:
        socket = self._roster.get(receiver)
        return self.table.window(receiver, self._queue(socket).size if socket else 0)

    def _queue(self, socket: Socket) -> RelayQueue:
        queue = socket.relayed
        if not isinstance(queue, RelayQueue):
            queue = RelayQueue(
                self._waiting,
                self._rates,
                self._now,
                self._written,
                socket.wake,
                socket.free_line,
            )
            socket.relayed = queue
        return queue

    # ---- what is wrong

    def _refuse(self, sender: Socket, error: MeshError) -> None:
        """Not a message of the relay."""
        self._meter.refused("relay", error.code)
        if self._queue(sender).answers.take(self._now()):
            sender.send(refusal(error, "relay"))

    def _unknown(self, sender: Socket, header: RelayHeader) -> None:
        """Of a stream that there is not, or not any more; an end of one needs no answer."""
        if header.kind is RelayKind.CLOSE:
            return
        self._meter.refused("relay", RelayReason.UNKNOWN_STREAM.name.lower())
        queue = self._queue(sender)
        if queue.answers.take(self._now()):
            message = close_message(header.peer, header.attempt, RelayReason.UNKNOWN_STREAM)
            queue.put_always(holder(sender), RelayItem(None, header.peer, message))

    # ---- ends

    def ended(self, socket: Socket, replaced: bool) -> None:
        """A login ended, and with it its streams."""
        for stream in self.table.end_all(socket.id) if reachable(socket) else ():
            self._close(stream, RelayReason.PEER_LEFT)

    def _forget(self, stream: RelayStream) -> None:
        self.table.end(stream)
        for end in stream.pair:
            socket = self._roster.get(end)
            if socket is not None:
                head = write_header(RelayKind.DATA, stream.other(end), stream.attempt)
                self._queue(socket).routes.pop(head, None)

    def _end(self, stream: RelayStream, message: bytes, receiver: str) -> None:
        """One end closed it, and says why in a way that the other may know better."""
        self._forget(stream)
        self._meter.relay_ended(RelayReason.BYE.name.lower())
        self._tell_end(stream, receiver, message)

    def _close(self, stream: RelayStream, reason: RelayReason) -> None:
        """The registry closes it, and tells both ends behind the data that was taken."""
        self._forget(stream)
        self._meter.relay_ended(reason.name.lower())
        for end in stream.pair:
            message = close_message(stream.other(end), stream.attempt, reason)
            self._tell_end(stream, end, message)

    def _tell_end(self, stream: RelayStream, end: str, message: bytes) -> None:
        socket, other = self._roster.get(end), stream.other(end)
        if socket is not None:
            self._queue(socket).put_always(
                stream.flows[other].holder, RelayItem(stream, other, message)
            )


def _party(socket: Socket) -> RelayParty:
    return RelayParty(socket.id, holder(socket))
