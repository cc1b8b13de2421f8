"""Standard input and output as a connection to one host: lines with a bound, in threads that no
exit waits for.

What anything in this process prints would be read as a message, so both descriptors are taken away:
reading finds the end, and printing goes to standard error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import anyio
import mcp_types as types
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from chatixia.errors import TooLarge
from chatixia.wire.base import KIB, MIB

from .pipes import MessagePipes, Streams

log = logging.getLogger("chatixia.mcp")

MAX_LINE: Final = 4 * MIB
"""Bytes of one message of a host."""
MAX_REFUSED: Final = 32 * MIB
"""Bytes of one that is read for its id alone, which may stand at its end: who sent it is told."""
BLOCK: Final = 64 * KIB


class LineSplitter:
    """Bytes as they come, given back as whole lines. A longer one than ``most`` is left out, and
    stands as None."""

    def __init__(self, most: int = MAX_REFUSED) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes | None]:
        """The lines that ``data`` ends."""
        lines: list[bytes | None] = []
        *ended, rest = data.split(b"\n")
        for part in ended:
            self._take(part)
            lines.append(b"".join(self._parts) if self._size <= self._most else None)
            self._parts, self._size = [], 0
        self._take(rest)
        return lines

    def _take(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._most:
            self._parts = []
        elif part:
            self._parts.append(part)


@asynccontextmanager
async def standard_streams() -> AsyncIterator[tuple[int, int]]:
    """Descriptors of standard input and output, and nobody else's within."""
    source, target = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    os.close(nowhere)
    try:
        yield source, target
    finally:
        os.dup2(source, 0)
        os.dup2(target, 1)


@asynccontextmanager
async def connection(source: int, target: int) -> AsyncIterator[Streams]:
    """Messages that come by one descriptor and go by the other. The first stream ends with them."""
    pipes, reader = MessagePipes(), HostReader(source)
    receiving = _receive(reader, pipes.arriving, pipes.sent.clone())
    async with pipes.carried(receiving, _send(pipes.leaving, target)) as streams:
        yield streams


def _thread(name: str, work: Callable[[], None]) -> None:
    threading.Thread(target=work, name=f"chatixia-mcp-{name}", daemon=True).start()


class HostReader:
    """Reads in a thread of its own, which waits until what it read was taken."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[list[bytes | None]] = asyncio.Queue()
        self._go = threading.Semaphore(1)
        _thread("read", self._work)

    async def next(self) -> list[bytes | None]:
        """The lines that came next; none at the end."""
        lines = await self._lines.get()
        self._go.release()
        return lines

    def _work(self) -> None:
        splitter = LineSplitter()
        with suppress(RuntimeError):  # the loop has ended
            with suppress(OSError):
                while data := os.read(self._source, BLOCK):
                    if lines := splitter.feed(data):
                        self._hand_over(lines)
            self._hand_over([])

    def _hand_over(self, lines: list[bytes | None]) -> None:
        self._go.acquire()
        self._loop.call_soon_threadsafe(self._lines.put_nowait, lines)


class RefusedRequest(msgspec.Struct):
    """What is read of a request that is no message for us."""

    id: int | str
    method: str


async def _receive(
    reader: HostReader, arriving: MemoryObjectSendStream[Any], sent: MemoryObjectSendStream[Any]
) -> None:
    async with arriving, sent:
        while lines := await reader.next():
            for line in lines:
                message = _message(line)
                refusal = _refusal(line or b"", message)
                if refusal is None:
                    await arriving.send(message)
                    continue
                with suppress(anyio.BrokenResourceError):  # the host reads nothing more
                    await sent.send(refusal)


def _message(line: bytes | None) -> SessionMessage | Exception:
    if line is None or len(line) > MAX_LINE:
        return TooLarge(f"A message may have {MAX_LINE} bytes.")
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return ValueError("not a message of JSON-RPC")


def _refusal(line: bytes, wrong: SessionMessage | Exception) -> SessionMessage | None:
    """The answer to a request that is refused unread: without one its host would wait for ever."""
    if isinstance(wrong, SessionMessage):
        return None
    try:
        request = msgspec.json.decode(line, type=RefusedRequest)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    code = wrong.code if isinstance(wrong, TooLarge) else "bad_request"
    error = types.ErrorData(code=types.INVALID_REQUEST, message=f"{code}: {wrong}")
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=request.id, error=error))


async def _send(leaving: MemoryObjectReceiveStream[SessionMessage], target: int) -> None:
    """Write what is sent; the host that reads nothing more has left."""
    writer = HostWriter(target)
    try:
        async with leaving:
            async for one in leaving:
                text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                if not await writer.write(text.encode() + b"\n"):
                    return
    finally:
        writer.close()


class HostWriter:
    """Writes in a thread of its own, since the other end may stop to read."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._done: asyncio.Future[bool] | None = None
        self._go = threading.Semaphore(0)
        self._open = True
        _thread("write", self._work)

    async def write(self, data: bytes) -> bool:
        """Until it is written; False once nobody reads it."""
        self._data, self._done = data, self._loop.create_future()
        self._go.release()
        return await self._done

    def close(self) -> None:
        """Let the thread end."""
        self._open = False
        self._go.release()

    def _work(self) -> None:
        while True:
            self._go.acquire()
            if not self._open:
                return
            is_written = self._all_written(self._data)
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._tell, self._done, is_written)

    def _all_written(self, data: bytes) -> bool:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._target, view) :]
        except OSError:
            return False
        return True

    @staticmethod
    def _tell(done: asyncio.Future[bool] | None, is_written: bool) -> None:
        if done is not None and not done.done():
            done.set_result(is_written)
