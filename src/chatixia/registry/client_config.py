"""What a client needs to connect: addresses, ICE servers, mesh time, and its next token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from chatixia.errors import MeshError
from chatixia.wire.registry import IceConfig, Nothing
from chatixia.wire.signaling import Config
from chatixia.wire.trust import Signed

from .call import Handler, RegistryReach, RequestContext
from .live.socket import Socket
from .trust.members import Members
from .trust.tokens import Tokens


class ConfigService:
    """Verb ``config``, and the ``config`` frame of a login. ``now``: mesh time in seconds;
    ``wall``: Unix seconds, by which a TURN server judges; ``confirmation``: the owner's newest."""

    def __init__(
        self,
        reach: RegistryReach,
        members: Members,
        tokens: Tokens,
        now: Callable[[], float],
        wall: Callable[[], float],
        confirmation: Callable[[], Signed | None],
    ) -> None:
        self._reach, self._members, self._tokens = reach, members, tokens
        self._now, self._wall, self._confirmation = now, wall, confirmation

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"config": self.ice}

    async def ice(self, call: RequestContext, request: Nothing) -> IceConfig:
        """Addresses and ICE servers as the caller reaches them."""
        servers = self._reach.servers_for(call.caller, self._wall())
        return IceConfig(servers, self._reach.urls(call.local), self._now())

    def frame(self, socket: Socket) -> Config:
        """The ``config`` frame of a login."""
        now, token, servers = self._now(), self._token(socket), self._reach.ice
        if token and socket.principal:  # its membership stands
            within = socket.not_after - now if socket.not_after else inf
            servers = self._reach.servers_for(socket.principal, self._wall(), within)
        return Config(self._reach.urls(socket.local), servers, token, now, self._confirmation())

    def _token(self, socket: Socket) -> str:
        """A token for a login whose membership still stands, else none."""
        principal = socket.principal
        if principal is None or principal.kind in ("person", "key"):
            return ""
        serial = self._members.highest(principal.id)
        try:
            self._members.check(principal, serial)
        except MeshError:
            return ""
        if 0 < socket.not_after < self._now():
            return ""
        return self._tokens.issue(principal, serial, socket.not_after)
