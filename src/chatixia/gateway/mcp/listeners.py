"""Telling hosts that tools, resources and prompts changed, as each version of the protocol has it.

Since 2026-07-28 a host listens by a request whose answer is the stream; before that it is told on
its connection. Whoever does not take it in time is not told again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Final

from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ToolsListChanged,
)

log = logging.getLogger("chatixia.mcp")

MOST_CONNECTIONS: Final = 256
"""Connections of the older versions that are told."""
MOST_STREAMS: Final = 256
TELL_S: Final = 5.0
"""Seconds that a host has to take what it is told."""
QUIET_S: Final = 0.05
"""Changes that come within are told once."""


class ChangeListeners:
    """All hosts that want to know."""

    def __init__(self) -> None:
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(
            self._bus, max_subscriptions=MOST_STREAMS, max_buffered_events=16
        )
        """Serves ``subscriptions/listen``."""
        self._sessions: OrderedDict[int, Any] = OrderedDict()
        self._changed = asyncio.Event()

    async def initialized(self, ctx: Any, params: Any) -> None:
        """``notifications/initialized``, of a host of an older version."""
        session = ctx.session
        if session.client_params is None:
            return
        # One object for each connection, which the session keeps.
        self._sessions[id(session.client_params)] = session
        while len(self._sessions) > MOST_CONNECTIONS:
            self._sessions.popitem(last=False)

    def changed(self) -> None:
        """What is listed has changed."""
        self._changed.set()

    async def tell(self) -> None:
        """Tell of changes, until cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(QUIET_S)
            self._changed.clear()
            for event in (ToolsListChanged(), ResourcesListChanged(), PromptsListChanged()):
                await self._bus.publish(event)
            await asyncio.gather(*(self._tell(key) for key in list(self._sessions)))

    async def _tell(self, key: int) -> None:
        session = self._sessions[key]
        try:
            async with asyncio.timeout(TELL_S):
                await session.send_tool_list_changed()
                await session.send_resource_list_changed()
                await session.send_prompt_list_changed()
        except Exception as error:  # noqa: BLE001 - it left, however the transport says so
            log.debug("a host is not told of changes any more: %s", type(error).__name__)
            self._sessions.pop(key, None)
