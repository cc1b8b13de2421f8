"""What leaves over the login's socket: text once a turn of the loop, the relay's at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from .login_socket import LoginSocket, Waiting


class LoginWriter:
    """``wake``: set where there is text, or the end; ``following``: gives the next message, None
    for none; ``over``: whether the login is to end once nothing waits."""

    def __init__(
        self,
        wake: asyncio.Event,
        following: Callable[[], Waiting | None],
        over: Callable[[], bool],
    ) -> None:
        self._wake, self._following, self._over = wake, following, over
        self._ws: LoginSocket | None = None
        self._pushing = False

    async def run(self, ws: LoginSocket) -> None:
        """Write to ``ws`` until it is over, then close it; or until it is cancelled."""
        self._ws, ws.on_room = ws, self._room
        try:
            while True:
                self.push()
                if self._over() and (ws.writable or ws.state is not State.OPEN):
                    with contextlib.suppress(ConnectionClosed, OSError):
                        await ws.close()  # the reader ends the login
                    return
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._ws = None

    def _room(self) -> None:
        self.push()
        if self._over():
            self._wake.set()

    def push(self) -> None:
        """Write what waits, as far as the socket takes it now."""
        if self._ws is None or self._pushing:  # what a message brings about is asked for as well
            return
        self._pushing = True
        try:
            self._ws.push(self._following)
        finally:
            self._pushing = False
