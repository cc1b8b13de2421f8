"""The login of a described peer: a token for its key, a signaling socket, and both again.

Its links are those of an agent with such a peer (:mod:`.links`); they outlive the registry.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.uri import parse_uri

from chatixia.core.join import is_loopback
from chatixia.errors import (
    BadSignature,
    ConfigError,
    Denied,
    Internal,
    MeshError,
    RegistryUnreachable,
    Replaced,
    Unreachable,
)
from chatixia.peer.control.connection import http_refusal
from chatixia.peer.control.login import as_mesh_error, hang_up, open_socket
from chatixia.peer.control.reason import reason
from chatixia.peer.control.resolver import look_up
from chatixia.wire import described
from chatixia.wire.base import decode
from chatixia.wire.described import MAX_DESCRIBED, REGISTRY, DescribedFrame
from chatixia.wire.registry import Token
from chatixia.wire.signaling import MAX_FROM_REGISTRY, DescribedSignal
from chatixia.world import World

from .links import DescribedLinks

log = logging.getLogger("chatixia.peer")

PAUSES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each try to log in again, the last for all that follow."""
SETTLED_SECONDS: Final = 30.0
"""A login that stood so long is followed by a try at once."""
MOST_UNSENT: Final = 1024
"""Frames that wait for the socket."""
REPLACED: Final = 4001
"""The code with which the registry ends a login whose place another took."""


class DescribedLogin:
    """Logs in at ``url`` until :meth:`stop`. ``token``: asks for one with the key. ``up``: whether
    the registry answers. ``fault``: why it ended for good, then ``on_fault`` was called."""

    def __init__(
        self,
        url: str,
        token: Callable[[], Awaitable[Token]],
        links: DescribedLinks,
        world: World,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.url, self._token, self._links = url, token, links
        self._world, self._sleep = world, sleep
        self.id = ""
        self.up = False
        self.fault: MeshError | None = None
        self.on_fault: Callable[[], None] = lambda: None
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(MOST_UNSENT)
        self._decided, self._task = asyncio.Event(), _no_task()
        self._stood = 0.0

    def start(self) -> None:
        """Begin to log in."""
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(self._check)

    async def online(self, timeout: float) -> None:
        """Until the login stood once. Raises its refusal, or RegistryUnreachable."""
        try:
            async with asyncio.timeout(timeout):
                await self._decided.wait()
        except TimeoutError:
            raise RegistryUnreachable(f"{self.url} does not answer.") from None
        if self.fault is not None:
            raise self.fault

    async def stop(self) -> None:
        """Leave."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _check(self, task: asyncio.Future[None]) -> None:
        """A defect ends the login as a refusal does: a sidecar without one would wait for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the login failed with %s", type(error).__name__)
            log.debug("the login failed", exc_info=error)
            self._end(Internal())

    def _end(self, fault: MeshError) -> None:
        self.fault = fault
        self._decided.set()
        self.on_fault()

    def tell(self, signal: DescribedSignal) -> bool:
        """Send by signaling; False while there is no socket or too much waits for it."""
        if not self.up:
            return False
        with contextlib.suppress(asyncio.QueueFull):
            named = msgspec.structs.replace(signal, peer_id=self.id)
            self._unsent.put_nowait(described.signal_frame(named))
            return True
        return False

    # -- again and again

    async def _run(self) -> None:
        tries = 0
        while True:
            error = await self._ended()
            if self._is_final(error):
                self._end(error)
                return
            if self._stood >= SETTLED_SECONDS:
                tries = 0
            pause = max(PAUSES[min(tries, len(PAUSES) - 1)], error.retry_after)
            tries += 1
            say = log.warning if self._stood or tries == len(PAUSES) else log.info
            say("%s; trying again.", error.message.rstrip("."))
            await self._sleep(pause)

    def _is_final(self, error: MeshError) -> bool:
        """Whether trying again cannot help: the registry says no, and before the first login any
        mistake. Later a foreign certificate may be that of a network that was passed through."""
        if not self._decided.is_set():
            return not error.retryable
        return isinstance(error, Denied | Replaced) and not isinstance(error, BadSignature)

    async def _ended(self) -> MeshError:
        """Log in, and why that ended. ``_stood``: seconds for which the login stood."""
        self._stood, began = 0.0, self._world.monotonic()
        try:
            token = await self._token()
            self.id = self._links.me = token.peer_id
            ws = await self._dial(token.token)
        except MeshError as error:
            return error
        began = self._world.monotonic()
        try:
            return await self._serve(ws)
        finally:
            self._stood = self._world.monotonic() - began if self.up else 0.0
            self.up = False
            await hang_up(ws)

    async def _dial(self, token: str) -> ClientConnection:
        """The open socket. Its URL holds the token, so it stands in no error."""
        with as_mesh_error(self.url):
            where, is_here = parse_uri(self.url), is_loopback(self.url)
            if not (where.secure or is_here):
                raise ConfigError(f"{self.url} would be spoken to in clear; write wss://HOST/ws.")
            target = f"{self.url}{'&' if where.query else '?'}token={token}"
            try:
                return await open_socket(where, target, not is_here, await look_up(where.host))
            except InvalidStatus as error:
                answer = error.response
                raise http_refusal(answer.status_code, bytes(answer.body), self.url) from None

    async def _serve(self, ws: ClientConnection) -> MeshError:
        while not self._unsent.empty():
            self._unsent.get_nowait()  # about links that the last login began
        writer = asyncio.ensure_future(self._write(ws))
        try:
            await ws.send(described.frame("register", self.id, payload=None).decode())
            while True:
                self._read(await ws.recv())
        except (OSError, ConnectionClosed) as error:
            if ws.close_code == REPLACED:
                return Replaced("Another sidecar logged in with this API key.")
            return RegistryUnreachable(f"{self.url} broke off: {reason(error, 0)}.")
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, ws: ClientConnection) -> None:
        while True:
            await ws.send((await self._unsent.get()).decode())

    # -- what comes

    def _read(self, data: bytes | str) -> None:
        """One frame; what is none, or of an unknown type, means nothing. Never raises."""
        try:
            self._take(decode(described.frames, data, MAX_FROM_REGISTRY))
        except MeshError as error:
            log.debug("a frame of the registry is dropped: %s", error)

    def _take(self, frame: DescribedFrame) -> None:
        if frame.type in ("offer", "answer", "ice_candidate"):
            self._links.signal(described.signal_of(frame))
        elif frame.peer_id != REGISTRY:
            return
        elif frame.type == "peer_list":
            self.up = True
            self._decided.set()
            listed = decode(described.lists, bytes(frame.payload), MAX_FROM_REGISTRY).peers
            self._links.present([name for name in listed if name != self.id])
        elif frame.type == "error":
            error = decode(described.errors, bytes(frame.payload), MAX_DESCRIBED)
            if error.target_id:
                self._links.unreachable(error.target_id, Unreachable(error.message))


def _no_task() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()
