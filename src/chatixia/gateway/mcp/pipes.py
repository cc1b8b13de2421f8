"""Messages both ways between the SDK and what carries them, for as long as a connection lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

Received = MemoryObjectReceiveStream[SessionMessage | Exception]
Sent = MemoryObjectSendStream[SessionMessage]
Streams = tuple[Received, Sent]
"""What the SDK reads from, and what it writes to."""


class MessagePipes:
    """``arriving``: where whoever carries them puts the messages that come; ``leaving``: where it
    takes those that go; ``sent``: where those are put. Each has room for none that waits."""

    def __init__(self) -> None:
        self.arriving, self._received = anyio.create_memory_object_stream[
            SessionMessage | Exception
        ](0)
        self.sent, self.leaving = anyio.create_memory_object_stream[SessionMessage](0)

    @asynccontextmanager
    async def carried(self, *carriers: Coroutine[Any, Any, None]) -> AsyncIterator[Streams]:
        """Let ``carriers`` run beside the block, and end with it."""
        tasks = [asyncio.ensure_future(carrier) for carrier in carriers]
        try:
            yield self._received, self.sent
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for stream in (self.arriving, self._received, self.sent, self.leaving):
                stream.close()
