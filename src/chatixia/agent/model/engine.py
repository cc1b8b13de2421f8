"""Runs models for an agent; the library is imported when the first one with a model starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from chatixia.errors import Unavailable
from chatixia.wire.events import AgentEvent
from chatixia.world import REAL, World

from .crossing import Crossing
from .endpoints import FIRST_BYTE_S, SILENCE_S, Endpoint, resolve
from .engine_thread import SHARED
from .extras import missing
from .far_task import FarTask
from .words import ModelSpec, RunRequest

if TYPE_CHECKING:
    from .library.pool import Pool


class LibraryEngine:
    """The models of ``spec`` and of its fallback, for one agent.

    ``environment``: where keys and addresses come from. ``first_byte``, ``silence``: seconds that a
    provider may send nothing, before and within a response.
    """

    def __init__(
        self,
        spec: ModelSpec,
        environment: Mapping[str, str],
        *,
        first_byte: float = FIRST_BYTE_S,
        silence: float = SILENCE_S,
        world: World = REAL,
    ) -> None:
        self._spec = spec
        self._environment = environment
        self._limits = (first_byte, silence)
        self._world = world
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    @property
    def title(self) -> str:
        """``provider:model`` of the first. Raises ConfigError that names what is missing."""
        return self.endpoints()[0].title

    def endpoints(self) -> list[Endpoint]:
        """Where the models are, in turn. Raises ConfigError that names what is missing."""
        return [resolve(spec, self._environment) for spec in (self._spec, *self._spec.fallback)]

    async def warm(self) -> None:
        """Import and construct in a thread. Raises ConfigError, MissingExtra."""
        await self._open()

    async def has_price(self) -> bool:
        """Whether each of its models has a known price. Raises ConfigError, MissingExtra."""
        return (await self._open()).has_price()

    async def price(self, input_tokens: int) -> float | None:
        """US dollars for that many tokens to the first of its models; None without a price.

        Raises ConfigError, MissingExtra.
        """
        return (await self._open()).price(input_tokens)

    async def run(self, request: RunRequest) -> AsyncGenerator[str | AgentEvent, None]:
        """Pieces of the answer and events, as they come. Raises MeshError."""
        pool = await self._open()
        assert self._loop is not None
        crossing: Crossing[str | AgentEvent] = Crossing(self._loop)
        async with aclosing(crossing.items(lambda: pool.run(request, crossing))) as items:
            async for item in items:
                yield item

    async def close(self) -> None:
        """End all runs and connections; it opens no more."""
        self._is_closed = True
        async with self._opening:
            pool, self._pool = self._pool, None
            if pool is not None and self._loop is not None:
                await FarTask(self._loop, pool.close).wait()
                await asyncio.to_thread(SHARED.leave)

    async def _open(self) -> Pool:
        if self._is_closed:
            raise Unavailable("The agent is stopping.")
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    self._pool = await self._make(self.endpoints())
        return self._pool

    async def _make(self, endpoints: list[Endpoint]) -> Pool:
        self._loop = await asyncio.to_thread(SHARED.enter)
        try:
            return await FarTask(self._loop, lambda: self._load(endpoints)).wait()
        except BaseException:
            await asyncio.to_thread(SHARED.leave)
            raise

    async def _load(self, endpoints: list[Endpoint]) -> Pool:
        def construct() -> Pool:
            try:
                from .library.pool import Pool
            except ImportError:
                raise missing("model") from None
            return Pool(endpoints, *self._limits, self._world)

        pool = await asyncio.to_thread(construct)  # the runs of other agents go on meanwhile
        await pool.open()
        return pool
