"""What connects an agent to its mesh: its port, what stands behind that, and how long it lives.

In this process it is the member's own links and login (:mod:`.wiring`), or with an API key the
registry's REST routes (:mod:`.remote.api_key_agent`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from chatixia.core.ports import MeshPort


class AgentConnection(Protocol):
    """A connection that is made but not started. ``start`` it, wait until it is ``online``, then
    ``drain`` and ``stop``; or ``abandon`` it where its loop has ended."""

    @property
    def port(self) -> MeshPort:
        """The port through which the agent calls and serves."""
        ...

    @property
    def label(self) -> str:
        """What people call the mesh or the registry."""
        ...

    @property
    def key(self) -> str:
        """The agent's key as people compare it."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where the agent may keep files; None for nowhere."""
        ...

    @property
    def url(self) -> str:
        """The registry that it is logged in at, or tries next."""
        ...

    @property
    def is_online(self) -> bool:
        """Whether the registry answers now."""
        ...

    async def start(self) -> None:
        """Begin to log in; does not wait for the registry."""
        ...

    async def online(self, timeout: float) -> None:
        """Wait for the login, ``timeout`` seconds. Raises its refusal, RegistryUnreachable."""
        ...

    async def drain(self, seconds: float) -> None:
        """Leave the list, and let what runs end and be reported, for at most ``seconds``."""
        ...

    async def stop(self) -> None:
        """Say goodbye, close, and free the name."""
        ...

    def abandon(self) -> None:
        """Free the name where the loop has ended and nothing can be stopped any more."""
        ...
