"""The task service: every ``tasks.*`` verb, and what the live side tells it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from chatixia.core.ports import Principal
from chatixia.ids import AgentId
from chatixia.store.control.store import Store
from chatixia.wire import tasks as t
from chatixia.world import World

from .ports import Pushes, Worker


class Tasks:
    """All task verbs. ``handlers[name](principal, request)`` answers with the verb's reply."""

    handlers: dict[str, Callable[[Principal, Any], Awaitable[Any]]]

    def __init__(self, store: Store, world: World, pushes: Pushes) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Extend the leases that live, start the sweeper and the dispatcher."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop them; leases stay as they are."""
        raise NotImplementedError

    def online(self, worker: Worker) -> None:
        """An agent logged in, or its slots or skills changed. Not for clients, keys or people."""
        raise NotImplementedError

    def offline(self, agent: AgentId, incarnation: str, clean: bool = False) -> None:
        """Its socket closed; leases of that incarnation end after 5 s (at once if ``clean``)."""
        raise NotImplementedError

    def gone(self, who: AgentId, epoch: str) -> None:
        """Any principal's socket closed: its watches end."""
        raise NotImplementedError

    async def claim_by_poll(self, principal: Principal, skills: Iterable[str]) -> list[t.Task]:
        """The described heartbeat: renew all leases of the agent (60 s), then claim."""
        raise NotImplementedError
