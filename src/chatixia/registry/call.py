"""One call of a verb at either door: who calls, from where, through which listener."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from chatixia.core.ports import Principal
from chatixia.errors import Unauthorized


class Listener(msgspec.Struct, frozen=True):
    """One address the registry listens on.

    ``certificate``: SHA-256 of the DER of the TLS certificate in use, empty in clear.
    ``hosts``: lower-case ``host`` or ``host:port`` values that a Host header may have.
    """

    secure: bool = False
    certificate: bytes = b""
    hosts: frozenset[str] = frozenset()


class Call(msgspec.Struct):
    """Who calls (None: nobody proved anything), the network address, the listener.

    ``secret``: the browser session's cookie value, for ending it. ``cookie``: what the answer
    sets, written by ``login.redeem`` and ``login.end`` ("" clears it). ``watch``: on a socket,
    sends it every event from now on.
    """

    principal: Principal | None
    address: str
    listener: Listener
    secret: str = ""
    cookie: str | None = None
    watch: Callable[[], None] | None = None

    @property
    def who(self) -> Principal:
        """The principal; raises Unauthorized for an open call."""
        if self.principal is None:
            raise Unauthorized
        return self.principal


Handler = Callable[[Call, Any], Awaitable[Any]]
"""Answers one verb: a request struct in, a reply struct (or msgspec.Raw) out, or a MeshError."""
Handlers = Mapping[str, Handler]


def from_principal(handler: Callable[[Principal, Any], Awaitable[Any]]) -> Handler:
    """A handler that wants only the principal, as one that is given the call."""

    async def run(call: Call, request: Any) -> Any:
        return await handler(call.who, request)

    return run
