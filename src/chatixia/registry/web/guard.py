"""What every request and upgrade passes first: Host, Origin, the access log, one last catch.

A page of another site may make a browser send requests here, and DNS can be made to name any
address: so the Host must be one of our names, and an Origin, when present, the very page's.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from chatixia.errors import BadRequest, Denied, Internal, MeshError
from chatixia.registry.call import Listener, RegistryReach, host_of
from chatixia.registry.limits import origin
from chatixia.registry.meter import Meter
from chatixia.world import World

from .answers import Send, refuse

access = logging.getLogger("chatixia.access")
log = logging.getLogger("chatixia.registry")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
LISTENER: Final = "chatixia.listener"
REQUESTED_HOST: Final = "chatixia.host"
MAX_HEADERS: Final = 100


class HostGuard:
    """Wraps the application for one listener."""

    def __init__(
        self, app: App, listener: Listener, reach: RegistryReach, meter: Meter, world: World
    ) -> None:
        self._app, self.listener, self._reach = app, listener, reach
        self._meter, self._world = meter, world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, serve, log."""
        if scope["type"] not in ("http", "websocket"):
            return
        scope[LISTENER] = self.listener
        try:
            scope[REQUESTED_HOST] = check(scope, self.listener, self._reach.hosts())
        except MeshError as error:
            self._meter.refused(scope["type"], error.code)
            await _turn_away(scope, receive, send, error)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, status = self._world.monotonic(), 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - a defect is one answer, not a traceback
            log.error("a request broke: %s", type(error).__name__)
            if not status:
                await refuse(watched, Internal())
        finally:
            _note(scope, status, self._world.monotonic() - start)


def check(scope: Scope, listener: Listener, via: frozenset[str] = frozenset()) -> str:
    """The host that was asked for.

    Raises BadRequest for a Host that is not ours, Denied for a foreign Origin.
    """
    headers = scope["headers"]
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or len(headers) > MAX_HEADERS:
        raise BadRequest("One Host header is expected.")
    host = hosts[0].decode("latin-1").lower()
    name = host_of(host)
    if name not in listener.hosts and name not in via:
        raise BadRequest(
            "This registry does not serve that host name; `chatixia up --name NAME` there allows"
            " one."
        )
    for value in (value for name, value in headers if name == b"origin"):
        scheme = "https" if listener.secure else "http"
        if value.decode("latin-1").lower() not in _own(host, scheme):
            raise Denied("Requests from other sites are refused.")
    return name


def _own(host: str, scheme: str) -> tuple[str, ...]:
    """The origins of our own page under this Host.

    A TLS proxy or tunnel in front of the loopback listener makes the page's scheme https.
    """
    return (f"{scheme}://{host}", f"https://{host}")


async def _turn_away(scope: Scope, receive: Receive, send: Send, error: MeshError) -> None:
    if scope["type"] == "http":
        await refuse(send, error, extra={"connection": "close"})
        return
    await receive()
    headers = [(b"content-length", b"0")]
    await send(
        {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": b""})


def _note(scope: Scope, status: int, seconds: float) -> None:
    """One line, without the query: it may hold what a page should not have put there."""
    path = scope.get("raw_path", b"").partition(b"?")[0][:200].decode("latin-1")
    address = origin((scope.get("client") or ("?",))[0])
    access.info("%s %s %d %.1fms %s", scope["method"], path, status, seconds * 1000, address)
