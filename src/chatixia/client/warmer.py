"""Opens links beforehand: calls by skill take those that are open, and turns come with more."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from chatixia.core.ports import MeshPort
from chatixia.errors import MeshError
from chatixia.ids import AgentId

AT_ONCE: Final = 8
OPEN_S: Final = 5.0
AGAIN_S: Final = 10.0
"""Seconds before an agent that could not be reached is tried again."""
MAX_TRIED: Final = 1024


class Warmer:
    """The links that one mesh opens beforehand. ``stop`` it before the mesh."""

    def __init__(self) -> None:
        from chatixia.background import BackgroundTasks

        self._tasks = BackgroundTasks()
        self._tried: dict[str, float] = {}

    def warm(self, port: MeshPort, name: AgentId, now: float) -> None:
        """Open a link to ``name`` in the background; a failure is not reported."""
        if now - self._tried.get(name, -AGAIN_S) < AGAIN_S or len(self._tasks) >= AT_ONCE:
            return
        self._tried.pop(name, None)
        if len(self._tried) >= MAX_TRIED:
            del self._tried[next(iter(self._tried))]
        self._tried[name] = now
        self._tasks.spawn(_open(port, name))

    async def stop(self) -> None:
        """End what runs."""
        await self._tasks.stop()


async def _open(port: MeshPort, name: AgentId) -> None:
    with suppress(MeshError):  # the call that needs the link will raise the reason
        await port.ping(name, OPEN_S)
