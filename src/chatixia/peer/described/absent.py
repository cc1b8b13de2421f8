"""The place of described peers in an agent that accepts none, so that their code is not loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from chatixia.core.ports import CallAnswer, Handler, Outgoing, Pong, Stream
from chatixia.ids import AgentId


class NoDescribedCalls:
    """Has what ``DescribedCalls`` has, for nobody."""

    handler: Handler
    skills: Callable[[Any], bytes]

    def __init__(self) -> None:
        self.stopping = self.over = False
        self.tasks: list[asyncio.Task[None]] = []
        self.waiting = 0

    def is_here(self, name: str) -> bool:
        """Nobody is."""
        return False

    async def call(self, outgoing: Outgoing) -> CallAnswer | None:
        """None: no link with a described peer carries it."""
        return None

    def stream(self, outgoing: Outgoing, otherwise: Callable[[], Stream]) -> Stream:
        """What ``otherwise`` gives."""
        return otherwise()

    async def ping(self, target: AgentId, timeout: float) -> Pong | None:
        """None: there is no link with a described peer."""
        return None

    async def stop(self) -> None:
        """There is nothing to stop."""
        self.stopping = True
