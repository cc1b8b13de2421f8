"""Telling hosts that tools, resources and prompts changed, as each version of the protocol has it.

A host that subscribed to an agent's card or health is told of that too.
Since 2026-07-28 a host listens by a request whose answer is the stream; before that it is told on
its connection. Whoever does not take it in time is not told again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection
from typing import Any, Final

from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)

from chatixia.errors import Overloaded

from .resource_store import MAX_URI
from .resources import addresses_of

log = logging.getLogger("chatixia.mcp")

MOST_CONNECTIONS: Final = 256
"""Connections of the older versions that are told."""
MOST_STREAMS: Final = 256
MOST_WATCHED: Final = 256
"""Resources that one connection of the older versions subscribes to."""
TELL_S: Final = 5.0
"""Seconds that a host has to take what it is told."""
QUIET_S: Final = 0.05
"""Changes that come within are told once."""


class HostConnection:
    """One host of an older version. ``watched``: the resources that it subscribed to."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.watched: set[str] = set()


class ChangeListeners:
    """All hosts that want to know."""

    def __init__(self) -> None:
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(
            self._bus, max_subscriptions=MOST_STREAMS, max_buffered_events=16
        )
        """Serves ``subscriptions/listen``."""
        self._connections: OrderedDict[int, HostConnection] = OrderedDict()
        self._agents: set[str] = set()
        self._changed = asyncio.Event()

    async def initialized(self, ctx: Any, params: Any) -> None:
        """``notifications/initialized``, of a host of an older version."""
        self._connection(ctx.session)

    def _connection(self, session: Any) -> HostConnection:
        """Its connection, with the session that it has now."""
        if session.client_params is None:
            return HostConnection(session)
        # One object for each connection, which the session keeps.
        key = id(session.client_params)
        connection = self._connections.setdefault(key, HostConnection(session))
        connection.session = session
        while len(self._connections) > MOST_CONNECTIONS:
            self._connections.popitem(last=False)
        return connection

    def watch(self, session: Any, uri: str) -> None:
        """``resources/subscribe``: also to one that is not there, for it may come.

        Raises Overloaded.
        """
        watched = self._connection(session).watched
        if len(uri) > MAX_URI or len(watched) >= MOST_WATCHED:
            raise Overloaded(f"A host may subscribe to {MOST_WATCHED} resources.")
        watched.add(uri)

    def leave(self, session: Any, uri: str) -> None:
        """``resources/unsubscribe``."""
        self._connection(session).watched.discard(uri)

    def changed(self, agents: Collection[str]) -> None:
        """What is listed has changed, by what these agents are now."""
        self._agents |= set(agents)
        self._changed.set()

    async def tell(self) -> None:
        """Tell of changes, until cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(QUIET_S)
            self._changed.clear()
            agents, self._agents = self._agents, set()
            uris = [uri for agent in sorted(agents) for uri in addresses_of(agent)]
            for event in (ToolsListChanged(), ResourcesListChanged(), PromptsListChanged()):
                await self._bus.publish(event)
            for uri in uris:
                await self._bus.publish(ResourceUpdated(uri=uri))
            await asyncio.gather(*(self._tell(key, uris) for key in list(self._connections)))

    async def _tell(self, key: int, uris: Collection[str]) -> None:
        connection = self._connections[key]
        session = connection.session
        try:
            async with asyncio.timeout(TELL_S):
                await session.send_tool_list_changed()
                await session.send_resource_list_changed()
                await session.send_prompt_list_changed()
                for uri in uris:
                    if uri in connection.watched:
                        await session.send_resource_updated(uri)
        except Exception as error:  # noqa: BLE001 - it left, however the transport says so
            log.debug("a host is not told of changes any more: %s", type(error).__name__)
            self._connections.pop(key, None)
