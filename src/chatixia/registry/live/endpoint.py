"""The WebSocket `/ws`: challenge, register, then frames until it closes (docs/protocol.md).

Raw ASGI, since this is the hot path of the queue. Bad input gets an error frame and the
connection lives; a socket that sends little else is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

from msgspec.structs import replace

from chatixia.errors import (
    BadRequest,
    DeadlineExceeded,
    MeshError,
    NameTaken,
    Revoked,
    Unauthorized,
)
from chatixia.registry.call import LOCAL, BrowserLogin, Listener, SocketLogin
from chatixia.registry.limits import origin
from chatixia.registry.meter import Meter
from chatixia.registry.people.cookies import SUBPROTOCOL
from chatixia.registry.verbs import VerbDispatcher
from chatixia.wire.base import MIB, decode, decoder, fitting
from chatixia.wire.signaling import (
    MAX_SIGNAL,
    NO_PONG,
    Challenge,
    Config,
    FromAgent,
    Links,
    PeerList,
    Register,
    RevokedPush,
    Welcome,
)
from chatixia.wire.trust import Signed
from chatixia.world import World

from .described import DescribedRoster
from .frames import FrameHandler
from .open_sockets import OpenSockets
from .refresh import ConfigRefresher
from .relay import refusal, tag
from .relay_streams import RelayStreams
from .roster import Roster, holder, listed, reachable
from .socket import POLICY, Send, Socket
from .turns import ReadTurns

log = logging.getLogger("chatixia.registry")

LOGIN_SECONDS: Final = 10.0
MOST_SOCKETS: Final = 4096
PEERS_PER_FRAME: Final = 512
BYTES_PER_FRAME: Final = MIB
FAULTS_BEFORE_LOGIN: Final = 5

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Scope = MutableMapping[str, Any]

_frames = decoder(FromAgent)


class LoginGate(Protocol):
    """What the endpoint needs of trust."""

    def challenge(self) -> Challenge:
        """The first frame, with a fresh single-use nonce."""
        ...

    async def login(
        self, register: Register, nonce: str, listener: Listener, address: str
    ) -> SocketLogin:
        """Who this is, by its chain and signature, and its welcome; raises a MeshError."""
        ...

    async def person(self, headers: Mapping[str, str], listener: Listener) -> BrowserLogin | None:
        """The person whose browser session the upgrade carried."""
        ...

    def revocation(self, id_: str) -> Signed | None:
        """The owner's statement that revokes an id."""
        ...


class SocketClosed(Exception):
    """The other side closed, or (``silent``) it answered no ping."""

    def __init__(self, silent: bool = False) -> None:
        super().__init__()
        self.silent = silent


class WebSocketEndpoint:
    """Serves `/ws`. ``config`` makes the `config` frame for a login, again every ``refresh``
    seconds."""

    def __init__(
        self,
        gate: LoginGate,
        roster: Roster,
        sockets: OpenSockets,
        verbs: VerbDispatcher,
        meter: Meter,
        world: World,
        config: Callable[[Socket], Config],
        on_links: Callable[[Socket, Links], None],
        now: Callable[[], float],
        refresh: float,
        streams: RelayStreams,
        described: DescribedRoster,
    ) -> None:
        self._gate, self._roster, self._verbs = gate, roster, verbs
        self._described = described
        self._sockets = sockets
        self._meter, self._world = meter, world
        self._config, self._on_links, self._now = config, on_links, now
        self._refresh = ConfigRefresher(config, refresh)
        self._turns, self._streams = ReadTurns(), streams
        self._people = 0
        self._logins = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await receive()
        if self._full():
            await _refuse(send)
            return
        ip = str((scope.get("client") or ("?",))[0])
        socket = Socket(send, origin(ip), ip[:64], scope["chatixia.host"] in LOCAL)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        agreed = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
        await send({"type": "websocket.accept", "subprotocol": agreed})
        self._sockets.add(socket)
        pump = asyncio.create_task(socket.pump())
        pump.add_done_callback(lambda ended: self._writer_ended(socket, ended))
        try:
            await self._serve(socket, scope, receive, headers)
        except SocketClosed as left:
            socket.silent = socket.silent or left.silent
        finally:
            self._sockets.discard(socket)
            await close_after(socket, pump)
            socket.release()

    def _writer_ended(self, socket: Socket, pump: asyncio.Task[None]) -> None:
        """A login that nothing reaches is not a login, whatever its other half still reads."""
        if not pump.cancelled() and pump.exception() is not None:
            self._roster.remove(socket)

    def _full(self) -> bool:
        return self._logins >= MOST_SOCKETS or self._sockets.closing

    async def _serve(
        self, socket: Socket, scope: Scope, receive: Receive, headers: Mapping[str, str]
    ) -> None:
        listener: Listener = scope["chatixia.listener"]
        connection = scope["chatixia.connection"]
        try:
            async with asyncio.timeout(min(LOGIN_SECONDS, connection.left())):
                if not await self._enter(socket, listener, receive, headers):
                    return
        except TimeoutError:
            socket.send(refusal(DeadlineExceeded("No register frame came."), "register"))
            return
        connection.proved()
        share_holder = holder(socket)
        socket.outbox = connection.belong(share_holder)
        self._logins += 1
        self._refresh.begin(socket)
        frames = FrameHandler(
            socket,
            listener,
            self._roster,
            self._verbs,
            self._meter,
            self._world,
            self._on_links,
            self._now,
            self._streams,
            self._described,
        )
        socket.line = connection.line
        reader = MessageReader(socket, frames, self._turns, share_holder)
        connection.take = reader.take
        forget = self._end_in_time(socket)
        try:
            while not socket.closed:
                await reader.read(await message_of(receive))
        finally:
            forget()
            connection.take = _none
            self._logins -= 1
            self._refresh.end(socket)
            await frames.stop()

    def _end_in_time(self, socket: Socket) -> Callable[[], None]:
        """Close a person's socket when its browser session is over; gives the end of that."""
        if socket.principal is None or socket.principal.kind != "person":
            return lambda: None
        seconds = max(0.0, socket.not_after - self._now())
        return asyncio.get_running_loop().call_later(seconds, self._over, socket).cancel

    def _over(self, socket: Socket) -> None:
        socket.send(refusal(Unauthorized("The login is over; log in again."), "register"))
        socket.close(POLICY, Unauthorized.code)

    async def _enter(
        self, socket: Socket, listener: Listener, receive: Receive, headers: Mapping[str, str]
    ) -> bool:
        """Challenge and login. False when the login was refused for good.

        A browser logged in by its cookie says no ``register``.
        """
        challenge = self._gate.challenge()
        socket.send(challenge)
        if await self._person(socket, listener, headers):
            return True
        for _ in range(FAULTS_BEFORE_LOGIN):
            ref = "frame"
            try:
                frame = _first(await message_of(receive))
                ref = tag(frame)
                if not isinstance(frame, Register):
                    raise BadRequest("The first frame must be register.")
                await self._login(socket, frame, challenge.nonce, listener)
                return True
            except MeshError as error:
                self._meter.refused("ws", error.code)
                socket.send(refusal(error, ref))
                self._send_revocation(socket, error)
                if ref == "register":
                    break
        socket.close(POLICY, "login refused")
        return False

    def _send_revocation(self, socket: Socket, error: MeshError) -> None:
        """Whoever is revoked can verify it: a registry's word alone would not stop it for good."""
        if not isinstance(error, Revoked):
            return
        statement = self._gate.revocation(error.agent or "")
        if statement is not None:
            socket.send(RevokedPush(statement))

    async def _person(self, socket: Socket, listener: Listener, headers: Mapping[str, str]) -> bool:
        try:
            login = await self._gate.person(headers, listener)
        except MeshError as error:
            socket.send(refusal(error, "register"))
            return False
        if login is None:
            return False
        self._people += 1
        socket.epoch, socket.not_after = f"p.{self._people}", login.expires
        person = socket.principal = replace(login.person, epoch=socket.epoch)
        self._greet(socket, Welcome(person.id, socket.epoch, self._now()))
        self._roster.add_person(socket)
        return True

    async def _login(
        self, socket: Socket, register: Register, nonce: str, listener: Listener
    ) -> None:
        login = await self._gate.login(register, nonce, listener, socket.address)
        principal, socket.epoch = login.principal, login.welcome.epoch
        socket.principal = principal
        socket.not_after, socket.ephemeral = login.not_after, login.ephemeral
        socket.incarnation, socket.since = register.incarnation, self._now()
        socket.hostname, socket.mode = register.hostname, register.mode
        socket.description = register.description
        socket.agree(register.capabilities)
        if principal.kind == "agent":
            socket.learn(register.skills)
            socket.slots = register.slots
            socket.mcp_servers = register.mcp_servers
            socket.accepts = frozenset(register.compat)
        if principal.kind == "key" and self._roster.online(principal.id):
            raise NameTaken(f"{principal.id} is logged in already.")
        self._roster.admit(socket, lambda: self._greet(socket, login.welcome))
        log.info("login %s kind %s from %s", principal.id, principal.kind, socket.address)

    def _greet(self, socket: Socket, welcome: Welcome) -> None:
        """What a newcomer reads before anything that being listed brings."""
        assert socket.principal
        socket.send(welcome)
        socket.send(self._config(socket))
        if reachable(socket):
            self._list_peers(socket)
            self._described.greet(socket)

    def _list_peers(self, socket: Socket) -> None:
        assert socket.principal
        ns = socket.principal.ns
        peers = [
            other.info()
            for other in self._roster
            if listed(other)
            and other.id != socket.id
            and other.principal
            and other.principal.ns == ns
        ]
        start = 0
        while start == 0 or start < len(peers):
            room = fitting(peers[start : start + PEERS_PER_FRAME], BYTES_PER_FRAME)
            more = start + max(1, room)
            socket.send(PeerList(peers[start:more], next=str(more) if more < len(peers) else ""))
            start = more


class Frames(Protocol):
    """What reads the messages of one socket."""

    def read(self, text: str | bytes) -> int:
        """One message; gives how many frames it held."""
        ...


class MessageReader:
    """Hands each message of ``socket`` to ``frames``, in its ``holder``'s turn."""

    def __init__(self, socket: Socket, frames: Frames, turns: ReadTurns, holder: str) -> None:
        self._socket, self._frames, self._turns, self._holder = socket, frames, turns, holder
        self._waits = False

    async def read(self, message: str | bytes) -> None:
        """Read a message when it may be."""
        self._waits = True
        await self._turns.take(self._holder)
        self._waits = False
        self._read(message)

    def take(self, message: bytes) -> bool:
        """Read one now. False where another waits or it is not the holder's turn: it comes by
        :meth:`read` then."""
        if self._waits or not self._turns.take_now(self._holder):
            return False
        self._read(message)
        return True

    def _read(self, message: str | bytes) -> None:
        if not self._socket.closed:  # who was put out meanwhile says nothing more
            self._turns.spent(self._holder, self._frames.read(message) - 1)


def _none(message: bytes) -> bool:
    return False


async def _refuse(send: Send) -> None:
    """503 with a hint when to come back, in place of the upgrade."""
    headers = [(b"retry-after", b"2"), (b"content-length", b"0")]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})


async def message_of(receive: Receive) -> str | bytes:
    """The next message, text or binary. Raises SocketClosed at the end."""
    message = await receive()
    if message["type"] != "websocket.receive":
        raise SocketClosed(message.get("code") == NO_PONG)
    text: str | None = message.get("text")
    return bytes(message["bytes"]) if text is None else text


def _first(message: str | bytes) -> Any:
    if isinstance(message, bytes):
        raise BadRequest("The first frame must be register, as text.")
    return decode(_frames, message, MAX_SIGNAL)


async def close_after(socket: Socket, pump: asyncio.Task[None]) -> None:
    """Let the last words out, then end the writer."""
    socket.close(1000, "")
    _, late = await asyncio.wait({pump}, timeout=2.0)
    for task in late:
        task.cancel()
    await asyncio.gather(pump, return_exceptions=True)
