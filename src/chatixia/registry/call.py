"""One call of a verb, over HTTP or the WebSocket: who calls, from where, through which listener."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from chatixia.core.ports import Principal
from chatixia.errors import Unauthorized
from chatixia.wire.signaling import Welcome

from .turn import RELAYED, TurnServers


class Listener(msgspec.Struct, frozen=True):
    """One address the registry listens on.

    ``certificate``: SHA-256 of the DER of the TLS certificate in use, empty in clear.
    ``hosts``: lower-case names and addresses that a Host header may have, without port.
    """

    secure: bool = False
    certificate: bytes = b""
    hosts: frozenset[str] = frozenset()


class BinaryLine(Protocol):
    """A WebSocket that is written to without a wait."""

    @property
    def ready(self) -> bool:
        """Whether it takes a message now."""
        ...

    def write(self, message: bytes) -> None:
        """Write a binary message; only where it is ready."""
        ...


LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""Host names by which only this very machine can have come."""


class RegistryReach(msgspec.Struct):
    """How the registry is reached. ``addresses``: base URLs, this machine's first; ``via``: those
    of tunnels and proxies, learned from the owner; ``ice``: servers as browsers want them;
    ``turn``: those that need a credential, one for each member."""

    addresses: list[str] = []
    via: list[str] = []
    ice: list[dict[str, str | list[str]]] = []
    turn: TurnServers | None = None

    def urls(self, local: bool) -> list[str]:
        """All addresses; who is elsewhere has no use for this machine's loopback."""
        own = [url for url in self.addresses if local or host_of(url) not in LOCAL]
        return list(dict.fromkeys([*own, *self.via]))

    def servers_for(
        self, principal: Principal, wall: float, within: float = inf
    ) -> list[dict[str, str | list[str]]]:
        """STUN and TURN servers for a caller: TURN only for members that have links.

        ``wall``: Unix seconds; ``within``: seconds for which the membership stands.
        """
        if self.turn is None or principal.kind not in RELAYED:
            return self.ice
        return [*self.ice, self.turn.grant(principal.id, wall, within)]

    def hosts(self) -> frozenset[str]:
        """The host names of tunnels and proxies."""
        return frozenset(host_of(url) for url in self.via)


def host_of(url: str) -> str:
    """The lower-case host of a URL or of a Host header, without port and brackets."""
    host = url.partition("://")[2] or url
    host = host.partition("/")[0].lower()
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0]


class RequestContext(msgspec.Struct):
    """Who calls (None: nobody proved anything), the network address, the listener.

    ``local``: it came by this machine's own name, not through the network or a tunnel.
    ``secret``: the browser session's cookie value, for ending it. ``cookie``: what the answer
    sets, written by ``login.redeem`` and ``login.end`` ("" clears it). ``watch``: on a socket,
    sends it every event from now on. ``ip``: the network address as it is shown;
    ``browser``: what the other side calls itself. ``more``: the
    cursor of what a bare list had no room for, written by its verb. ``by_key``: an API key itself
    proved the caller.
    """

    principal: Principal | None
    address: str
    listener: Listener
    local: bool = False
    secret: str = ""
    cookie: str | None = None
    watch: Callable[[], None] | None = None
    ip: str = ""
    browser: str = ""
    more: str = ""
    by_key: bool = False

    @property
    def caller(self) -> Principal:
        """The principal; raises Unauthorized for an open call."""
        if self.principal is None:
            raise Unauthorized
        return self.principal


class BrowserLogin(NamedTuple):
    """A person, by its browser session, which ends at ``expires`` in mesh seconds."""

    person: Principal
    expires: float


class SocketLogin(msgspec.Struct):
    """A proved login of a socket. ``not_after``: mesh seconds at which the membership ends, 0 for
    never; ``ephemeral``: it leaves the list when gone."""

    principal: Principal
    welcome: Welcome
    not_after: float = 0.0
    ephemeral: bool = False


Handler = Callable[[RequestContext, Any], Awaitable[Any]]
"""Answers one verb: a request struct in, a reply struct (or msgspec.Raw) out, or a MeshError."""
Note = Callable[[str, str, str], Awaitable[None]]
"""Keeps an event: (kind, id, change)."""
Handlers = Mapping[str, Handler]


def from_principal(handler: Callable[[Principal, Any], Awaitable[Any]]) -> Handler:
    """A handler that wants only the principal, as one that is given the call."""

    async def run(call: RequestContext, request: Any) -> Any:
        return await handler(call.caller, request)

    return run
