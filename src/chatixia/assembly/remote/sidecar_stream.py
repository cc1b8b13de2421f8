"""A stream that a program reads through its sidecar, within credit."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from chatixia.core.ports import ArtifactFeed, Outgoing
from chatixia.wire import ipc
from chatixia.wire.ipc_events import ItemEvent, ProgressEvent, ResultPayload

from .sidecar_files import remove

if TYPE_CHECKING:
    from chatixia.sidecar.client import SidecarClient

log = logging.getLogger("chatixia")


class SidecarStream:
    """``core.ports.Stream`` over the socket. Asked for, by ``command``, when the first item is.
    ``feeds``: what the artifacts of an item stand for."""

    def __init__(
        self,
        client: SidecarClient,
        outgoing: Outgoing,
        command: Callable[[Outgoing], Awaitable[Any]],
        feeds: Callable[[Sequence[ipc.IpcFile]], tuple[ArtifactFeed, ...]],
    ) -> None:
        self._client, self._outgoing = client, outgoing
        self._command, self._feeds = command, feeds
        self._items: deque[ipc.ItemPayload] = deque()
        self._changed: asyncio.Future[None] | None = None
        self._number = 0
        self._waiter: asyncio.Future[ResultPayload] | None = None
        self._used = 0
        self._reader: AsyncGenerator[bytes, None] | None = None
        self.via = ""
        self.arrived = 0
        self.event = b""
        self.artifacts: tuple[ArtifactFeed, ...] = ()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The items, in order; a second loop goes on where the first stopped."""
        if self._reader is None:
            self._reader = self._read()
        return self._reader

    def _hear(self, event: Any) -> None:
        if isinstance(event, ItemEvent):
            self._items.append(event.payload)
            self.arrived += 1
            self._wake()
        else:
            advance(self._outgoing, event)

    def _wake(self, _done: Any = None) -> None:
        changed, self._changed = self._changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    async def _read(self) -> AsyncGenerator[bytes, None]:
        line = await self._client.ready(self._outgoing.timeout)
        command = await self._command(self._outgoing)
        self._number, waiter = self._client.begin(line, command, self._outgoing.timeout, self._hear)
        self._waiter = waiter
        waiter.add_done_callback(self._wake)
        try:
            while True:
                while self._items:
                    yield self._take(self._items.popleft())
                if waiter.done():
                    self.via = waiter.result().via
                    return
                self._changed = asyncio.get_running_loop().create_future()
                await self._changed
        finally:
            self._leave()
            remove(command.payload.artifacts)

    def _take(self, payload: ipc.ItemPayload) -> bytes:
        item = bytes(payload.item)
        self.event = bytes(payload.event) if isinstance(payload.event, msgspec.Raw) else b""
        self.artifacts = self._feeds(payload.artifacts) if payload.artifacts else ()
        self._used += len(item) + len(self.event)
        if self._used >= ipc.STREAM_WINDOW // 2:
            used, self._used = self._used, 0
            credit = ipc.CreditPayload(self._number, used)
            self._client.tell(ipc.CreditCommand(credit))
        return item

    def _leave(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._client.leave(self._number)
            self._waiter.cancel()

    async def aclose(self) -> None:
        """Cancel the far end unless it already ended."""
        self._leave()
        if self._reader is not None:
            await self._reader.aclose()


def advance(outgoing: Outgoing, event: Any) -> None:
    """Let the asker hear how far its call is; what it raises is its own."""
    if not isinstance(event, ProgressEvent):
        return
    payload = event.payload
    try:
        if isinstance(payload.event, msgspec.Raw):
            if outgoing.on_event is not None:
                outgoing.on_event(bytes(payload.event))
        elif outgoing.on_progress is not None:
            outgoing.on_progress(payload.fraction, payload.note)
    except Exception as error:  # noqa: BLE001 - the asker's own function
        log.warning("on_progress of a call failed with %s", type(error).__name__)
        outgoing.on_progress = outgoing.on_event = None
