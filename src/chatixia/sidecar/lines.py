"""JSON lines over a stream socket, either side: batches are read at once, and one write follows.

What is sent while a batch is read goes out in one write at its end. Elsewhere a line goes out at
once where nothing else is under way, and otherwise with all others of its turn of the loop.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Final, cast

import msgspec

from chatixia.errors import BadRequest, MeshError, TooLarge
from chatixia.wire.base import decode, encode
from chatixia.wire.ipc import MAX_LINE

HIGH_WATER: Final = 8 * 1024 * 1024
"""Bytes that may wait for a reader; beyond, whoever writes waits."""
LOW_WATER: Final = 2 * 1024 * 1024
READ_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class LineReader:
    """Cuts a stream into batches of whole lines. A long line gathers in a list: appending each
    piece to the bytes before it would be quadratic."""

    __slots__ = ("_parts", "_size", "limit")

    def __init__(self, limit: int = MAX_LINE) -> None:
        self.limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """The whole lines that are there now, maybe none. Raises TooLarge above ``limit``."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            return b""
        lines = data if end == len(data) else data[:end]
        if self._parts:
            if self._size + data.find(b"\n") >= self.limit:
                raise _too_long(self.limit)
            self._parts.append(lines)
            lines = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        if end < len(data):
            self._keep(data[end:])
        return lines

    def _keep(self, rest: bytes) -> None:
        self._size += len(rest)
        if self._size >= self.limit:
            raise _too_long(self.limit)
        self._parts.append(rest)


class LineProtocol(asyncio.Protocol, ABC):
    """One end of a connection. A subclass has :meth:`receive`, :meth:`reject`, :meth:`lost`.

    ``lines``: a decoder of the lines that come. ``full``: the reader of what we send is behind.
    """

    def __init__(self, lines: msgspec.json.Decoder[Any]) -> None:
        self._decoder = lines
        self._decode_lines = lines.decode_lines
        self._reader = LineReader()
        self._unwritten: list[bytes] = []
        self._reading = self._scheduled = False
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.full = False

    # -- what a subclass does

    @abstractmethod
    def receive(self, line: Any) -> None:
        """A line came."""

    def reject(self, line: bytes, error: MeshError) -> None:
        """A line came that cannot be read. TooLarge: the connection is being closed."""

    def lost(self) -> None:
        """The connection is over."""

    def drained(self) -> None:
        """The reader has caught up."""

    def alone(self) -> bool:
        """Whether nothing else is under way, so that a line need not wait for others."""
        return True

    # -- sending

    def send(self, line: msgspec.Struct) -> None:
        """Send one line; nothing happens once the connection is over."""
        self.write(encode(line))

    def write(self, line: bytes) -> None:
        """The same, encoded already."""
        self._unwritten.append(line)
        if self._reading or self._scheduled:
            return
        if self.alone():
            self.flush()
        else:
            self._scheduled = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        if self._unwritten:
            self.flush()

    def flush(self) -> None:
        """Write what waits, in one piece."""
        waiting = self._unwritten
        if not waiting or self.transport is None:
            return
        waiting.append(b"")
        data = b"\n".join(waiting)
        waiting.clear()
        self.transport.write(data)

    @property
    def unread(self) -> int:
        """Bytes that the other end has not taken."""
        waiting = self.transport.get_write_buffer_size() if self.transport is not None else 0
        return waiting + sum(map(len, self._unwritten))

    def close(self) -> None:
        """Send what waits, then end."""
        if self.transport is not None:
            self.flush()
            self.transport.close()

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's word."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of that
        self.transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's word."""
        self.transport = None
        self._unwritten.clear()
        self.lost()

    def pause_writing(self) -> None:
        """asyncio's word."""
        self.full = True

    def resume_writing(self) -> None:
        """asyncio's word."""
        self.full = False
        self.drained()

    def data_received(self, data: bytes) -> None:
        """asyncio's word."""
        try:
            lines = self._reader.feed(data)
        except TooLarge as error:
            self.reject(b"", error)
            self.abort()
            return
        if not lines:
            return
        self._reading = True
        try:
            self._take(lines)
        finally:
            self._reading = False
            if self._unwritten and not self._scheduled:
                self.flush()

    def _take(self, lines: bytes) -> None:
        try:
            check_text(lines)
            batch = self._decode_lines(lines)
        except READ_ERRORS:
            self._take_each(lines)
            return
        for line in batch:
            self.receive(line)

    def _take_each(self, lines: bytes) -> None:
        """The same for a batch with a line that cannot be read."""
        for line in lines.split(b"\n"):
            if not line.strip():
                continue
            try:
                check_text(line)
                read = decode(self._decoder, line, MAX_LINE)
            except UnicodeDecodeError:
                self.reject(line, BadRequest("The line is not UTF-8."))
            except MeshError as error:
                self.reject(line, error)
            else:
                self.receive(read)

    def abort(self) -> None:
        """Read no more, send what waits, end."""
        transport = self.transport
        if transport is not None:
            if not transport.is_closing():
                transport.pause_reading()
            self.close()


def check_text(data: bytes) -> None:
    """Raises UnicodeDecodeError for what is not UTF-8: the decoder passes over values that are
    handed on as they came, and the registry ends a login that sends such."""
    if not data.isascii():
        data.decode()


class _Number(msgspec.Struct):
    id: Any = 0


_number: Final = msgspec.json.Decoder(_Number)


def number_of(line: bytes) -> int:
    """The ``id`` of a line that is no command, 0 where that cannot be read either."""
    try:
        number = _number.decode(line).id
    except READ_ERRORS:
        return 0
    return number if type(number) is int and 0 < number < 2**53 else 0


def _too_long(limit: int) -> TooLarge:
    return TooLarge(f"A line has at most {limit} bytes.")
