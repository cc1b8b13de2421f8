"""One login's WebSocket as the rest of the registry sees it: send, close, never wait.

Messages queue in a bounded outbox that one task writes out; a reader too slow for its outbox is
closed, so that it cannot hold the registry's memory. A client that says ``batch/1`` among its
capabilities gets all messages of one loop turn as one JSON array.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec

from chatixia.core.ports import Principal
from chatixia.core.shares import ShareUse
from chatixia.registry.call import BinaryLine
from chatixia.wire.base import MIB, encode
from chatixia.wire.peer import SkillInfo
from chatixia.wire.signaling import LinkReport, PeerInfo

log = logging.getLogger("chatixia.registry")

OUTBOX_BYTES: Final = 8 * MIB
OUTBOX_ITEMS: Final = 8192
UNCOUNTED_BYTES: Final = 16 * 1024
"""What waits counts for the machine's share from here on."""
BATCH: Final = "batch/1"
BATCH_BYTES: Final = 256 * 1024
MAX_CONTACTS: Final = 512

TOO_SLOW: Final = 1013
GOING_AWAY: Final = 1001
POLICY: Final = 1008
BROKEN: Final = 1011
REPLACED: Final = 4001

YIELD_BYTES: Final = 256 * 1024
"""Bytes of the relay that are written before others have the loop."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class BinaryQueue(Protocol):
    """Binary messages that wait for a socket (the relay's), behind all that is text."""

    def pop(self) -> bytes | None:
        """The next, or None while there is none; :meth:`Socket.wake` when there is one again."""
        ...

    def clear(self) -> None:
        """The socket ended: nothing waits any more."""
        ...


class Socket:
    """A connected principal. Made before its login; ``principal`` is None until then.

    ``address``: what it counts as for limits; ``ip``: as it is shown; ``local``: by this machine's
    own name; ``not_after``: mesh seconds at which its membership ends, 0 for never.
    """

    def __init__(self, send: Send, address: str, ip: str = "", local: bool = False) -> None:
        self.principal: Principal | None = None
        self.address, self.ip, self.local = address, ip, local
        self.not_after, self.ephemeral = 0.0, False
        self.incarnation = ""
        self.epoch = ""
        self.skills: tuple[SkillInfo, ...] = ()
        self.skill_bytes = 0
        self.capabilities: list[str] = []
        self.slots = 0
        self.hostname = ""
        self.mode = ""
        self.mcp_servers: list[str] = []
        self.description = ""
        self.links: tuple[LinkReport, ...] = ()
        self.contacts: set[str] = set()
        self.accepts: frozenset[str] = frozenset()
        """Peers of the described contract that this agent accepts."""
        self.clean = self.leaving = False
        self.silent = False
        """It ended because nothing was read at the other side, whose process may well live."""
        self.since = 0.0
        self.closed = False
        self._batch = False
        self._send = send
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self.outbox: ShareUse | None = None
        """What the messages that wait here have of the machine's share, from its login on."""
        self.relayed: BinaryQueue | None = None
        self.line: BinaryLine | None = None
        """From its login on: what waits in ``relayed`` is written there, with no task between."""
        self._pumping, self._pushing = False, False
        self._code: tuple[int, str] | None = None
        self._wake = asyncio.Event()

    @property
    def id(self) -> str:
        """The principal's id, "" before login."""
        return self.principal.id if self.principal else ""

    def info(self) -> PeerInfo:
        """This login as other members see it."""
        return PeerInfo(
            self.id,
            self.incarnation,
            [skill.name for skill in self.skills],
            self.capabilities,
            self.epoch,
        )

    def learn(self, skills: Iterable[SkillInfo]) -> None:
        """Take the skills that the agent says it has."""
        self.skills = tuple(skills)
        self.skill_bytes = len(encode(self.skills)) if self.skills else 0

    def agree(self, capabilities: Iterable[str]) -> None:
        """Take the capabilities that the client named at login."""
        self.capabilities = list(capabilities)
        self._batch = BATCH in self.capabilities

    def send(self, message: msgspec.Struct) -> bool:
        """Queue a message; False if the socket is closing. Closes a reader that is too slow."""
        return self.send_bytes(encode(message))

    def spare(self, size: int) -> bool:
        """Whether so many bytes more leave its outbox half empty: what may be left out for a slow
        reader must not be what closes it."""
        half_full = len(self._queue) >= OUTBOX_ITEMS // 2 or self._bytes + size > OUTBOX_BYTES // 2
        return not half_full and self._fits(self._bytes + size)

    def send_bytes(self, data: bytes) -> bool:
        """Queue an encoded message."""
        if self.closed:
            return False
        size = self._bytes + len(data)
        if len(self._queue) >= OUTBOX_ITEMS or size > OUTBOX_BYTES or not self._fits(size):
            self._queue.clear()
            self.silent = True
            self.close(TOO_SLOW, "reads too slowly")
            return False
        self._queue.append(data)
        self._bytes = size
        self._wake.set()
        return True

    def _fits(self, size: int) -> bool:
        return self.outbox is None or size <= UNCOUNTED_BYTES or self.outbox.take(size)

    def release(self) -> None:
        """It has ended: nothing waits here any more."""
        self._queue.clear()
        if self.relayed is not None:
            self.relayed.clear()
        if self.outbox is not None:
            self.outbox.owe(0)
            self.outbox = None

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued has been written. Once."""
        if not self.closed:
            self.closed = True
            self._code = (code, reason)
            self._wake.set()

    def free_line(self) -> BinaryLine | None:
        """``line``, if nothing waits that would go before what is written there now."""
        line = self.line
        if self._pumping or self._pushing or self._queue or self._code is not None:
            return None
        return line if line is not None and line.ready else None

    def wake(self) -> None:
        """Something waits in :attr:`relayed`: it is written now, where nothing is before it."""
        if self._pushing:
            return
        if (line := self.free_line()) is None:
            self._wake.set()
            return
        self._pushing = True
        try:
            self._push(line)
        finally:
            self._pushing = False

    def _push(self, line: BinaryLine) -> None:
        size = 0
        while line.ready and size < YIELD_BYTES:
            message = self.relayed.pop() if self.relayed is not None else None
            if message is None:
                return
            line.write(message)
            size += len(message)
        self._wake.set()

    async def pump(self) -> None:
        """Write the outbox until the socket closes; the one task that sends.

        What it cannot write ends the socket: the other side would wait forever for what comes
        after it. Raises what broke it.
        """
        try:
            await self._write()
        except Exception as error:
            if not isinstance(error, OSError):  # that one is the other side's leaving
                log.warning("the writer of %s broke: %s", self.id or "?", type(error).__name__)
            self.closed = True
            self._queue.clear()
            with suppress(Exception):
                close = {"type": "websocket.close", "code": BROKEN, "reason": "the writer broke"}
                await self._send(close)
            raise

    async def _write(self) -> None:
        while True:
            self._pumping = False
            await self._wake.wait()
            self._wake.clear()
            self._pumping = True
            await self._write_text()
            if self.relayed is not None and self._code is None:
                await self._write_relayed(self.relayed)
            if self._code is not None:
                code, reason = self._code
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                return

    async def _write_text(self) -> None:
        while self._queue:
            await self._send({"type": "websocket.send", "text": self._next()})

    async def _write_relayed(self, relayed: BinaryQueue) -> None:
        """Text goes before each message, and the loop has its turn now and then."""
        size = 0
        while self._code is None and (message := relayed.pop()) is not None:
            await self._send({"type": "websocket.send", "bytes": message})
            await self._write_text()
            size += len(message)
            if size >= YIELD_BYTES:
                await asyncio.sleep(0)
                size = 0

    def _next(self) -> str:
        text = self._taken()
        if self.outbox is not None and self.outbox.size:
            self.outbox.owe(self._bytes if self._bytes > UNCOUNTED_BYTES else 0)
        return text

    def _taken(self) -> str:
        first = self._queue.popleft()
        self._bytes -= len(first)
        if not self._batch or not self._queue:
            return first.decode()
        parts, size = [first], len(first)
        while self._queue and size + len(self._queue[0]) < BATCH_BYTES:
            more = self._queue.popleft()
            self._bytes -= len(more)
            size += len(more)
            parts.append(more)
        return (b"[" + b",".join(parts) + b"]").decode()
