"""The gateway on a mesh in this process, with the library's own client before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client

from chatixia.agent.context import Ctx
from chatixia.agent.skill import Skill
from chatixia.client.call_context import CallContext
from chatixia.gateway.mcp.catalog import SkillFilter
from chatixia.gateway.mcp.server import McpGateway
from tests.agent.loopback import Net
from tests.agent.served import Served

ERAS = ("legacy", "auto")
HELLO: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


class Gate:
    """A mesh with `weather`, and the gateway as a client of it."""

    def __init__(self, choice: SkillFilter | None = None, **more: Any) -> None:
        self.net = Net()
        self.paths: list[tuple[str, ...]] = []
        self.seen = asyncio.Event()
        self.started, self.ended = asyncio.Event(), asyncio.Event()
        self.served: dict[str, Served] = {}
        self.serve("weather", self.forecast, self.steps, self.wait, self.boom, self.large)
        context = CallContext(self.net.port("gate~abcdef"))
        self.gateway = McpGateway(context, choice or SkillFilter(), version="1", **more)

    def serve(self, name: str, *skills: Callable[..., Any] | Skill) -> None:
        """An agent that comes."""
        self.served[name] = Served(self.net, name, *skills)

    def leave(self, name: str) -> None:
        """It goes."""
        self.served.pop(name).close()
        self.net.ports[name].handler = None
        del self.net.ports[name]

    async def forecast(self, city: str, ctx: Ctx, days: int = 1) -> dict[str, Any]:
        """Forecast for a city."""
        self.paths.append(ctx.path)
        return {"city": city, "days": days}

    async def steps(self, ctx: Ctx) -> str:
        """Tell how far it is."""
        await ctx.progress(0.25, "a quarter")
        await self.seen.wait()
        await ctx.progress(0.5, "half")
        return "done"

    async def wait(self) -> None:
        """Wait until nobody wants it."""
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def boom(self) -> None:
        """Raise."""
        raise RuntimeError("swordfish")

    async def large(self, size: int) -> str:
        """A text of that size."""
        return "x" * size

    def close(self) -> None:
        for one in self.served.values():
            one.close()


@asynccontextmanager
async def gate(choice: SkillFilter | None = None, **more: Any) -> AsyncIterator[Gate]:
    """The gateway, following the mesh."""
    made = Gate(choice, **more)
    try:
        async with made.gateway.running():
            await made.gateway.catalog.ready(5)
            yield made
    finally:
        made.close()


def host(made: Gate, era: str = "auto", **more: Any) -> Client:
    """A host: ``async with host(gate) as client``."""
    return Client(made.gateway.server, mode=era, **more)


def text_of(result: Any) -> str:
    """The text of a tool's result that is one text."""
    [content] = result.content
    return str(content.text)
