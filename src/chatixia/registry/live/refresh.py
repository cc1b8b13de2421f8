"""Each living login gets its `config` anew, before the token and ICE servers in it end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chatixia.wire.signaling import Config

from .socket import Socket


class ConfigRefresher:
    """Sends ``config(socket)`` every ``every`` seconds, from ``begin`` to ``end``.

    A timer per login, so that a registry's logins are not all refreshed in one turn of the loop.
    """

    def __init__(self, config: Callable[[Socket], Config], every: float) -> None:
        self._config, self._every = config, every
        self._timers: dict[Socket, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def begin(self, socket: Socket) -> None:
        """Its ``config`` has just been sent."""
        loop = asyncio.get_running_loop()
        self._timers[socket] = loop.call_later(self._every, self._tell, socket)

    def end(self, socket: Socket) -> None:
        """It is closed."""
        timer = self._timers.pop(socket, None)
        if timer is not None:
            timer.cancel()

    def _tell(self, socket: Socket) -> None:
        del self._timers[socket]
        if socket.send(self._config(socket)):
            self.begin(socket)
