"""`/ws?token=`: the WebSocket of the described contract, for an API key's token and no member's.

A refusal is an answer of HTTP, before there is a socket. The token is in the URL, where that
contract wants it: it lives five minutes, and no log of ours has a query.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

from chatixia.core.ports import Principal
from chatixia.errors import Denied, MeshError, Overloaded, Unauthorized
from chatixia.registry.call import LOCAL, Listener
from chatixia.registry.limits import origin
from chatixia.registry.meter import Meter
from chatixia.registry.trust.gate import AuthenticatedCaller
from chatixia.registry.trust.tokens import MAX_TOKEN
from chatixia.registry.web.answers import refuse
from chatixia.world import World

from .described import DescribedFrames, DescribedRoster
from .endpoint import MessageReader, Receive, Scope, SocketClosed, close_after, message_of
from .open_sockets import OpenSockets
from .roster import holder
from .socket import Send, Socket
from .turns import ReadTurns

log = logging.getLogger("chatixia.registry")

MODE: Final = "described"
OFF: Final = (
    "This registry lets in no peers of the described contract; its operator may set"
    " `compat: true` in registry.yaml."
)


class TokenGate(Protocol):
    """What the endpoint needs of trust."""

    async def caller(
        self, headers: Mapping[str, str], listener: Listener, address: str
    ) -> AuthenticatedCaller:
        """Whom a bearer token proves. Raises Unauthorized."""
        ...


class DescribedEndpoint:
    """Serves described peers where they are ``enabled``, and refuses them clearly elsewhere."""

    def __init__(
        self,
        gate: TokenGate,
        roster: DescribedRoster,
        sockets: OpenSockets,
        meter: Meter,
        world: World,
        enabled: bool,
        now: Callable[[], float],
    ) -> None:
        self._gate, self._roster, self._sockets, self._now = gate, roster, sockets, now
        self._meter, self._world, self._enabled = meter, world, enabled
        self._turns = ReadTurns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await receive()
        address = (scope.get("client") or ("?",))[0]
        socket = Socket(send, origin(address), address[:64], scope["chatixia.host"] in LOCAL)
        socket.since, socket.mode = self._now(), MODE
        try:
            socket.principal = await self._principal(scope, socket.address)
            self._roster.admit(socket)
        except MeshError as error:
            self._meter.refused("ws", error.code)
            await refuse(_as_refusal(send), error, scope["path"])
            return
        await send({"type": "websocket.accept"})
        log.info("login %s described from %s", socket.id, socket.address)
        self._sockets.add(socket)
        pump = asyncio.create_task(socket.pump())
        try:
            await self._serve(socket, scope, receive)
        except SocketClosed:
            pass
        finally:
            self._roster.remove(socket)
            self._sockets.discard(socket)
            await close_after(socket, pump)
            socket.release()

    async def _principal(self, scope: Scope, address: str) -> Principal:
        if not self._enabled:
            raise Denied(OFF)
        if self._sockets.closing:
            raise Overloaded
        token = token_of(scope)
        if not token or len(token) > MAX_TOKEN:
            raise Unauthorized
        bearer = {"authorization": f"Bearer {token}"}
        caller = await self._gate.caller(bearer, scope["chatixia.listener"], address)
        principal = caller.principal
        if principal is None or principal.kind != "key":
            raise Denied("A member logs in by its key; only an API key's token serves here.")
        return principal

    async def _serve(self, socket: Socket, scope: Scope, receive: Receive) -> None:
        connection, share = scope["chatixia.connection"], holder(socket)
        connection.proved()
        socket.outbox = connection.belong(share)
        frames = DescribedFrames(socket, self._roster, self._world)
        reader = MessageReader(socket, frames, self._turns, share)
        while not socket.closed:
            await reader.read(await message_of(receive))


def token_of(scope: Scope) -> str:
    """The token in a URL, "" for none."""
    query = scope.get("query_string", b"").decode("latin-1")
    try:
        fields = parse_qs(query, max_num_fields=16)
    except ValueError:
        return ""
    return str(fields.get("token", [""])[0])


def has_token(scope: Scope) -> bool:
    """Whether an upgrade is of the described contract: it alone has a token in its URL."""
    query = scope.get("query_string", b"")
    return query.startswith(b"token=") or b"&token=" in query


def _as_refusal(send: Send) -> Send:
    """An answer of HTTP in place of the upgrade."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return sent
