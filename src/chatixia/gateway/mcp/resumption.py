"""What hosts of older versions are sent over HTTP, for a while: one whose stream broke in mid-call
comes back with the last event that it had, and reads on.

A stream is the answer to one request, with the progress before it, or what a connection is told
beside its requests. The library would let whoever comes back wait for an answer that came just
then, so it is told of no stream: each event is read from here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Any, Final

import mcp_types as types
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore

from chatixia.wire.base import MIB

MOST_BYTES: Final = 8 * MIB
"""Of one credential, in about; the oldest that were answered go."""
MOST_STREAMS: Final = 256
"""Of one credential, as with bytes."""
MOST_EVENTS: Final = 64
"""Of one stream; the oldest go, which are reports of progress or old news."""


class EventStream:
    """One stream: ``name`` as the library has it, ``number`` as its events have it."""

    def __init__(self, number: int, name: str, owner: SessionEvents) -> None:
        self.number, self.name, self.owner = number, name, owner
        self.events: deque[tuple[int, types.JSONRPCMessage | None, int]] = deque()
        self.last = 0
        self.is_over = False
        self.readers = 0
        self.news = asyncio.Event()

    def end(self) -> None:
        """Nothing more will come."""
        self.is_over = True
        self.news.set()


class CredentialEvents:
    """The streams of all connections of one credential, within the bounds."""

    def __init__(self) -> None:
        self._streams: OrderedDict[int, EventStream] = OrderedDict()
        self._bytes = 0
        self._last = 0

    def open(self, owner: SessionEvents, name: str) -> EventStream:
        """A new stream."""
        self._last += 1
        stream = self._streams[self._last] = EventStream(self._last, name, owner)
        self._trim()
        return stream

    def find(self, owner: SessionEvents, number: int) -> EventStream | None:
        """One of that connection."""
        stream = self._streams.get(number)
        return stream if stream is not None and stream.owner is owner else None

    def add(self, stream: EventStream, message: types.JSONRPCMessage | None) -> int:
        """The number of a new event of a stream that is here."""
        size = _size(message)
        stream.last += 1
        stream.events.append((stream.last, message, size))
        self._bytes += size
        if len(stream.events) > MOST_EVENTS:
            self._bytes -= stream.events.popleft()[2]
        stream.is_over = isinstance(message, types.JSONRPCResponse | types.JSONRPCError)
        stream.news.set()
        self._trim()
        return stream.last

    def drop(self, stream: EventStream) -> None:
        """Forget one. Who reads it is given what there is of it."""
        if self._streams.pop(stream.number, None) is not None:
            self._bytes -= sum(size for _, _, size in stream.events)
            stream.owner.streams.pop(stream.name, None)
            stream.end()

    def _trim(self) -> None:
        while self._bytes > MOST_BYTES or len(self._streams) > MOST_STREAMS:
            first = next(iter(self._streams.values()))
            self.drop(next((one for one in self._streams.values() if one.is_over), first))


class SessionEvents(EventStore):
    """Those of one connection. ``version``: of the protocol, that it agreed on."""

    def __init__(self, shared: CredentialEvents, poll: float = 0.0) -> None:
        self._shared, self._poll = shared, poll
        self.streams: dict[str, EventStream] = {}
        self.version = ""

    async def store_event(self, stream_id: str, message: types.JSONRPCMessage | None) -> str:
        """See the library. None as message begins a stream."""
        stream = self.streams.get(stream_id)
        if stream is not None and stream.is_over:  # a number of a request that is used again
            self._shared.drop(stream)
            stream = None
        if stream is None:
            stream = self.streams[stream_id] = self._shared.open(self, stream_id)
        if not self.version and isinstance(message, types.JSONRPCResponse):  # to its first request
            self.version = str(message.result.get("protocolVersion", ""))
        return f"{stream.number}-{self._shared.add(stream, message)}"

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> None:
        """Send what came on that stream since, and what comes until it ends; for as long as a
        stream may last, where that is bounded."""
        number, _, position = last_event_id.partition("-")
        if not (number + position).isdecimal() or len(last_event_id) > 40:
            return
        stream = self._shared.find(self, int(number))
        if stream is None:
            return
        try:
            async with asyncio.timeout(self._poll or None):
                await _read_on(stream, int(position or 0), send_callback)
        except TimeoutError:
            return  # it comes back

    def close(self) -> None:
        """The connection is gone."""
        for stream in list(self.streams.values()):
            self._shared.drop(stream)


async def _read_on(stream: EventStream, position: int, send: EventCallback) -> None:
    """Send its events after ``position`` until it ends or another reader comes."""
    stream.readers += 1
    reader = stream.readers
    stream.news.set()  # the one before me leaves
    while reader == stream.readers:
        stream.news.clear()
        for number, message, _ in list(stream.events):
            if number > position and message is not None:
                await send(EventMessage(message, f"{stream.number}-{number}"))
                position = number
        if stream.is_over and (not stream.events or stream.events[-1][0] <= position):
            return
        await stream.news.wait()


def _size(message: types.JSONRPCMessage | None) -> int:
    """About how many bytes a message has, without writing it."""
    size, rest = 0, [getattr(message, "result", None) or getattr(message, "params", None)]
    while rest:
        value: Any = rest.pop()
        if isinstance(value, dict):
            rest += [*value, *value.values()]
        elif isinstance(value, list):
            rest += value
        size += len(value) if isinstance(value, str) else 8
    return size
