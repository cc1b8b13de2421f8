"""Does the login still answer? Asked where there is reason for doubt: this host slept or moved."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from chatixia.background import BackgroundTasks

log = logging.getLogger("chatixia.peer")

DOUBT_SECONDS: Final = 3.0
"""How long a login in doubt has to answer a ping; without doubt it has 20 s."""


class LoginLiveness:
    """The connection of the login that stands now, if one does."""

    def __init__(self) -> None:
        self._ws: ClientConnection | None = None
        self._tasks = BackgroundTasks()

    def begin(self, ws: ClientConnection) -> None:
        """A login stands on ``ws``."""
        self._ws = ws

    async def end(self) -> None:
        """It is over."""
        self._ws = None
        await self._tasks.stop()

    def doubt(self) -> None:
        """Ask it, once at a time; what does not answer is cut, and the login made anew."""
        if self._ws is not None and not self._tasks:
            self._tasks.spawn(self._ask(self._ws))

    async def _ask(self, ws: ClientConnection) -> None:
        try:
            async with asyncio.timeout(DOUBT_SECONDS):
                await (await ws.ping())
        except TimeoutError:
            log.info("the login answers no more; a new one is made")
            ws.transport.abort()
        except (ConnectionClosed, OSError):
            pass  # its reader ends it
