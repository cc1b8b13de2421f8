"""What a client needs to connect: addresses, ICE servers, mesh time, and its next token."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chatixia.errors import MeshError
from chatixia.wire.registry import IceConfig, Nothing
from chatixia.wire.signaling import Config

from .call import Handler, RegistryReach, RequestContext
from .live.socket import Socket
from .trust.members import Members
from .trust.tokens import Tokens


class ConfigService:
    """Verb ``config``, and the ``config`` frame of a login. ``now``: mesh time in seconds."""

    def __init__(
        self, reach: RegistryReach, members: Members, tokens: Tokens, now: Callable[[], float]
    ) -> None:
        self._reach, self._members, self._tokens, self._now = reach, members, tokens, now

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"config": self.ice}

    async def ice(self, call: RequestContext, request: Nothing) -> IceConfig:
        """Addresses and ICE servers as the caller reaches them."""
        return IceConfig(self._reach.ice, self._reach.urls(call.local), self._now())

    def frame(self, socket: Socket) -> Config:
        """The ``config`` frame of a login."""
        return Config(
            self._reach.urls(socket.local), self._reach.ice, self._token(socket), self._now()
        )

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
