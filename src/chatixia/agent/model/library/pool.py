"""The models of one agent, ready on the engine's loop, and the runs that are at work there."""

from __future__ import annotations

import asyncio
import logging
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
from .rehearsal import rehearse
from .watch import client

log = logging.getLogger("chatixia.agent")


class Pool:
    """Constructed in a thread without a loop; all else on the engine's. Raises MissingExtra."""

    def __init__(
        self, endpoints: Sequence[Endpoint], first_byte: float, silence: float, world: World
    ) -> None:
        self._http = client()
        self._models = [Served(endpoint, build(endpoint, self._http)) for endpoint in endpoints]
        for endpoint in endpoints:
            if endpoint.script is None:
                _rehearse(endpoint)
        self._limits = Limits(first_byte, silence)
        self._world = world
        self._clients = AsyncExitStack()
        self._runs: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Make ready; a connection opens with the first request."""
        await self._clients.enter_async_context(self._http)
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

    def price(self, input_tokens: int) -> float | None:
        """What that many tokens to the first model cost."""
        return accounts.estimated(self._models[0].endpoint, input_tokens, 0).cost


def _rehearse(endpoint: Endpoint) -> None:
    try:
        rehearse(endpoint)
    except Exception as error:  # noqa: BLE001 - it gains time; what is wrong shows in real requests
        log.debug("%s was not rehearsed: %s", endpoint.title, type(error).__name__)
