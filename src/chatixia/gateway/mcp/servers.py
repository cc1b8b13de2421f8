"""All servers of an agent: ``core.ports.OutsideTools``, and their common life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from chatixia.core.ports import OutsideAnswer, OutsideTool
from chatixia.errors import UnknownSkill

from .attached import AttachedServer, ServerSpec

STOP_S: Final = 5.0
"""Seconds that all of them have to end."""


class AttachedServers:
    """``on_change``: called when tools come or go."""

    def __init__(self, specs: Iterable[ServerSpec], on_change: Callable[[], None]) -> None:
        self.servers = {spec.name: AttachedServer(spec, on_change) for spec in specs}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Connect to each, beside."""
        self._tasks = [
            asyncio.get_running_loop().create_task(server.live())
            for server in self.servers.values()
        ]

    async def ready(self, seconds: float) -> None:
        """Wait until each is connected or was tried in vain, for at most ``seconds``."""
        waits = [asyncio.ensure_future(one.first.wait()) for one in self.servers.values()]
        if waits:
            await asyncio.wait(waits, timeout=seconds)
        for wait in waits:
            wait.cancel()

    async def stop(self) -> None:
        """End all."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        self._tasks = []

    def tools(self) -> Sequence[OutsideTool]:
        """What they listed last."""
        return [tool for server in self.servers.values() for tool in server.tools.values()]

    async def call(
        self, server: str, tool: str, arguments: dict[str, Any], timeout: float
    ) -> OutsideAnswer:
        """See ``core.ports.OutsideTools``."""
        attached = self.servers.get(server)
        if attached is None:
            raise UnknownSkill(f"There is no MCP server {server[:64]}.")
        return await attached.call(tool, arguments, timeout)
