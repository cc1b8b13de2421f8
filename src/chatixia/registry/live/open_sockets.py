"""The WebSockets that are open now, logged in or not: closed by principal, or all at the end."""

from __future__ import annotations

from collections.abc import Callable

from chatixia.core.ports import Principal
from chatixia.errors import MeshError

from .relay import refusal
from .roster import Roster
from .socket import GOING_AWAY, POLICY, Socket


class OpenSockets:
    """The set of open sockets; ``closing`` once the registry takes no more."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._sockets: set[Socket] = set()
        self.closing = False

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: Socket) -> None:
        """A socket was accepted."""
        self._sockets.add(socket)

    def discard(self, socket: Socket) -> None:
        """A socket ended: neither open nor logged in any more."""
        self._sockets.discard(socket)
        self._roster.remove(socket)

    def close_all(self) -> None:
        """The registry stops: tell every socket and take no more."""
        self.closing = True
        for socket in list(self._sockets):
            socket.close(GOING_AWAY, "the registry stops")

    def drop(self, reason: MeshError, matches: Callable[[Principal], bool]) -> None:
        """Close the sockets of the principals for whom ``matches`` holds, saying why.

        They are out of the list at once, also where the other side never answers the close.
        """
        for socket in list(self._sockets):
            if socket.principal is not None and matches(socket.principal):
                socket.send(refusal(reason, "register"))
                socket.close(POLICY, reason.code)
                self._roster.remove(socket)
