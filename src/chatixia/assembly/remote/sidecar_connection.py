"""An agent's way into the mesh where a sidecar has its keys and links: ``CHATIXIA_SOCKET``."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from chatixia.errors import DeadlineExceeded, MeshError, RegistryUnreachable, Unavailable
from chatixia.world import REAL, World

from .sidecar_port import STATUS_S, SidecarPort

log = logging.getLogger("chatixia")

VARIABLE: Final = "CHATIXIA_SOCKET"
LOOK_S: Final = 0.2


class SidecarConnection:
    """The ``AgentConnection`` of a program behind a sidecar. ``folder``: where it keeps files."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        folder: Path | None = None,
        on_fault: Callable[[MeshError], None] | None = None,
        world: World = REAL,
    ) -> None:
        self.port = SidecarPort(path, name, world, on_fault or (lambda error: None))
        self.folder = folder
        self._world = world

    @property
    def label(self) -> str:
        """What people call the mesh."""
        return self.port.client.welcome.label

    @property
    def key(self) -> str:
        """The agent's key."""
        return self.port.client.welcome.key

    @property
    def url(self) -> str:
        """The registry."""
        return self.port.client.welcome.url

    @property
    def is_online(self) -> bool:
        """Whether the sidecar said last that the registry answers."""
        return self.port.client.welcome.online

    async def start(self) -> None:
        """Connect to the sidecar and serve. Raises its refusal, Unavailable."""
        await self.port.start()

    async def online(self, timeout: float) -> None:
        """Wait for the sidecar's login. Raises RegistryUnreachable."""
        until = self._world.monotonic() + timeout
        while not self.is_online:
            await self._look(until - self._world.monotonic())
            if self._world.monotonic() > until:
                raise RegistryUnreachable(f"{self.url} does not answer the sidecar.")
            if not self.is_online:
                await asyncio.sleep(LOOK_S)

    async def _look(self, seconds: float) -> None:
        """Ask the sidecar; one that stands still or starts again is asked another time."""
        try:
            status = await self.port.status(max(LOOK_S, min(STATUS_S, seconds)))
        except (DeadlineExceeded, Unavailable) as error:
            log.debug("the sidecar does not say whether it is online: %s", error)
        else:
            self.port.client.welcome.online = status.online

    async def drain(self, seconds: float) -> None:
        """Serve nothing new, and let what runs end."""
        await self.port.drain(seconds)

    async def stop(self) -> None:
        """Hang up; the sidecar goes on."""
        await self.port.stop()

    def abandon(self) -> None:
        """Hang up where the loop has ended."""
        self.port.client.abandon()


def sidecar_connection(
    name: str, folder: Path | None, on_fault: Callable[[MeshError], None] | None = None
) -> SidecarConnection | None:
    """A connection to the sidecar that the environment names; None where it names none.
    ``folder``: where the agent keeps files."""
    path = os.environ.get(VARIABLE, "")
    if not path:
        return None
    return SidecarConnection(name, Path(path), folder=folder, on_fault=on_fault)
