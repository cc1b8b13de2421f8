"""What each HTTP request to the gateway passes first: Host, Origin, credential, and its share.

A page of another site may make a browser send requests here, and DNS can be made to name any
address: so the Host must be one of ours on every address that is listened on, and an Origin, when
present, the very same. Whoever has no credential learns no more than that one is needed.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Final

import msgspec
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken

from chatixia.errors import BadRequest, Denied, MeshError, Overloaded, Unauthorized

from .callers import CALLER

log = logging.getLogger("chatixia.mcp")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Tokens = Callable[[], Mapping[str, str]]
"""Name -> token of each credential that holds now."""

MAX_HEADERS: Final = 100
MAX_TOKEN: Final = 256
MAX_PORT: Final = 65_535
MOST_REQUESTS: Final = 64
"""Requests of one credential that are served at once, streams too."""
MOST_WAITING: Final = 256
"""Requests of one credential that wait for a place; what is beyond is refused."""
WAIT_S: Final = 10.0
"""Seconds that one waits."""
PATH: Final = "/mcp"
_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::([0-9]{1,5}))?")


class RequestPlaces:
    """The places of one credential."""

    def __init__(self) -> None:
        self.users = 0
        self._free = asyncio.Semaphore(MOST_REQUESTS)

    async def take(self) -> None:
        """Wait for one. Raises Overloaded."""
        if self.users > MOST_REQUESTS + MOST_WAITING:
            raise Overloaded("Too many requests of this credential wait.", retry_after=1)
        try:
            async with asyncio.timeout(WAIT_S):
                await self._free.acquire()
        except TimeoutError:
            raise Overloaded(
                "Too many requests of this credential at once.", retry_after=1
            ) from None

    def give(self) -> None:
        """Give one back."""
        self._free.release()


class McpGuard:
    """Wraps the application. ``hosts``: names and addresses that are ours, without ports.
    ``on_proved``: hears of a request whose credential holds."""

    def __init__(
        self,
        app: App,
        hosts: Collection[str],
        tokens: Tokens,
        on_proved: Callable[[Scope], None] = lambda scope: None,
    ) -> None:
        self._app, self._hosts, self._tokens = app, frozenset(hosts), tokens
        self._on_proved = on_proved
        self._places: dict[str, RequestPlaces] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, and serve."""
        if scope["type"] != "http":
            return
        try:
            self._check_site(scope)
            name = self._holder(scope)
            self._on_proved(scope)
        except MeshError as error:
            await _refuse(send, error)
            return
        places = self._places.setdefault(name, RequestPlaces())
        places.users += 1
        try:
            await self._serve(name, places, scope, receive, send)
        finally:
            places.users -= 1
            if not places.users:
                del self._places[name]

    async def _serve(
        self, name: str, places: RequestPlaces, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            await places.take()
        except MeshError as error:
            await _refuse(send, error)
            return
        scope[CALLER] = name
        # The library binds each of its sessions to this, so that no other credential uses it.
        scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=name, scopes=[]))
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            log.error("a request of %s broke: %s", name, type(error).__name__)
            raise
        finally:
            places.give()

    def _check_site(self, scope: Scope) -> None:
        headers = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or len(headers) > MAX_HEADERS:
            raise BadRequest("One Host header is expected.")
        host = hosts[0].decode("latin-1").lower()
        if name_of(host) not in self._hosts:
            raise BadRequest("This gateway does not serve that host name; see --host.")
        for value in (value for name, value in headers if name == b"origin"):
            own = (f"http://{host}", f"https://{host}")  # a TLS proxy may stand in front
            if value.decode("latin-1").lower() not in own:
                raise Denied("Requests from other sites are refused.")

    def _holder(self, scope: Scope) -> str:
        headers = [value for name, value in scope["headers"] if name == b"authorization"]
        kind, _, token = headers[0].partition(b" ") if len(headers) == 1 else (b"", b"", b"")
        if kind.lower() != b"bearer" or not 0 < len(token) <= MAX_TOKEN:
            raise Unauthorized("This gateway needs a token: Authorization: Bearer TOKEN.")
        holders = [
            name
            for name, one in self._tokens().items()
            if hmac.compare_digest(one.encode(), token.strip())
        ]
        if not holders:
            raise Unauthorized("That token is not one of this gateway's.")
        return holders[0]


def name_of(host: str) -> str:
    """The name in a Host header, without the port; IPv6 without brackets. Empty for what is none.

    Which port is left to who stands between: a proxy, or a tunnel, has another than ours.
    """
    match = _HOST.fullmatch(host)
    if match is None or int(match[3] or 0) > MAX_PORT:
        return ""
    return match[1] or match[2]


async def _refuse(send: Send, error: MeshError) -> None:
    body = msgspec.json.encode({"code": error.code, "message": error.message})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
