"""Writes the part of an artifact beside the loop while more of it comes.

What came is in the file at once, and nobody waits for that before the next bytes are taken: a
process that is killed has lost what came in the moment before, and no more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from threading import Lock
from typing import Final, Protocol

from chatixia.wire.base import MIB

AHEAD_BYTES: Final = MIB
"""What may wait to be written where the disk is slower than the network."""
BATCH_BYTES: Final = MIB // 4
"""What is written at once of what waits."""


class Part(Protocol):
    """What is written to; it blocks."""

    def write(self, data: bytes) -> None:
        """Add to its end."""
        ...


class PartWriter:
    """Of one save, on its loop; one thread at most writes, in the order of :meth:`add`."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._lock = Lock()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._writes = False
        self._job: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    async def add(self, data: bytes) -> None:
        """Write ``data`` behind what was added before. Waits only where too much is unwritten.

        Raises what a write before this one raised.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if not data:
                return
            self._waiting.append(data)
            self._bytes += len(data)
            starts, self._writes = not self._writes, True
        if starts:
            self._job = asyncio.get_running_loop().run_in_executor(None, self._write)
        if self._bytes > AHEAD_BYTES:
            await self._written()

    async def finish(self) -> None:
        """Until all that was added is written, also where the caller is cancelled.

        Raises what a write raised.
        """
        await self._written()

    async def _written(self) -> None:
        if self._job is not None:
            try:
                await asyncio.shield(self._job)
            except asyncio.CancelledError:
                await asyncio.wait([self._job])  # the file must not be closed under the thread
                raise
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        try:
            while data := self._next():
                self._part.write(data)
        except Exception as error:  # noqa: BLE001 - of the next `add`, or of `finish`
            with self._lock:
                self._error = error
                self._waiting.clear()

    def _next(self) -> bytes:
        """What is to be written next; with nothing there the thread ends."""
        with self._lock:
            pieces: list[bytes] = []
            size = 0
            while self._waiting and size < BATCH_BYTES:
                pieces.append(self._waiting.popleft())
                size += len(pieces[-1])
            self._bytes -= size
            self._writes = bool(pieces)
        return b"".join(pieces)
