"""The models of one agent, ready on the engine's loop, and the runs that are at work there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from chatixia.agent.model.crossing import Crossing
from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.words import RunRequest
from chatixia.wire.events import AgentEvent
from chatixia.world import World

from . import accounts
from .loop import LibraryRun
from .providers import build
from .receiving import Limits, Served


class Pool:
    """Constructed in any thread; all else on the engine's loop. Raises MissingExtra."""

    def __init__(
        self, endpoints: Sequence[Endpoint], first_byte: float, silence: float, world: World
    ) -> None:
        self._models = [Served(endpoint, build(endpoint)) for endpoint in endpoints]
        self._limits = Limits(first_byte, silence)
        self._world = world
        self._clients = AsyncExitStack()
        self._runs: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Make the clients; a connection opens with the first request."""
        for served in self._models:
            await self._clients.enter_async_context(served.model)

    async def run(self, request: RunRequest, crossing: Crossing[str | AgentEvent]) -> None:
        """Run ``request`` to its end. Raises MeshError."""
        task = asyncio.current_task()
        assert task is not None
        self._runs.add(task)
        try:
            await LibraryRun(request, self._models, crossing, self._limits, self._world).go()
        finally:
            self._runs.discard(task)

    async def close(self) -> None:
        """Cancel what runs, and close the clients."""
        for task in self._runs:
            task.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        await self._clients.aclose()

    def has_price(self) -> bool:
        """Whether each model has a known price."""
        return all(accounts.has_price(served.endpoint) for served in self._models)
