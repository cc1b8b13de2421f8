"""A call by a host of MCP: of the mesh's echo through the gateway, of the same echo in a bare
server, and the plain call of the mesh, in turn in one process: ``mcp_call.py ask ROUNDS|serve``.

The bare server is the library's, over standard input and output, with nothing around it; so the sum
of its call and the mesh's own is what a gateway costs at the least that adds a mesh to a server.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from mcp import Client, StdioServerParameters

from chatixia import connect
from tests.bench.measure import PAYLOAD, directly, latencies, percentile, say

EACH, WARM = 100, 300
ARGUMENTS = {"data": PAYLOAD}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"data": {"type": "string"}},
    "required": ["data"],
}


async def serve() -> None:
    """The bare server."""
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    tool = types.Tool(name="echo", description="Give back what came.", input_schema=SCHEMA)

    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool])

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        text = str((params.arguments or {})["data"])
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)])

    server = Server("bare", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as streams:
        await server.run(*streams, server.create_initialization_options())


def host(*words: str) -> Client:
    """A host that starts that server."""
    env = dict(os.environ)
    return Client(StdioServerParameters(command=sys.executable, args=["-m", *words], env=env))


async def echoed(client: Client) -> None:
    """One call; it must give what went."""
    [content] = (await client.call_tool("echo", ARGUMENTS)).content
    assert content.type == "text" and content.text == PAYLOAD, content


async def ask(rounds: int) -> dict[str, float]:
    """The medians of each, and of what the gateway's is over the others' sum."""
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(host("tests.bench.mcp_call", "serve"))
        gate = await stack.enter_async_context(host("chatixia.cli", "mcp", "--agent", "echo"))
        handle = (await stack.enter_async_context(connect())).agent("echo")
        await directly(handle)
        contenders: dict[str, Callable[[], Awaitable[object]]] = {
            "call": lambda: echoed(gate),
            "bare": lambda: echoed(bare),
            "plain": lambda: handle.call("echo", ARGUMENTS),
        }
        rows = await in_turn(contenders, rounds)
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


async def in_turn(
    contenders: dict[str, Callable[[], Awaitable[object]]], rounds: int
) -> list[dict[str, float]]:
    """A row of each round of a hundred calls by each, another one first each time."""
    names, rows = list(contenders), []
    for call in contenders.values():
        await latencies(call, 0, WARM)
    for turn in range(rounds):
        row: dict[str, float] = {}
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times = await latencies(contenders[name], EACH, 5)
            row[f"{name}_p50_ms"] = percentile(times, 0.5)
        # Of each round, so that what slows all down for a while counts for none.
        row["call_p50_ratio"] = row["call_p50_ms"] / (row["bare_p50_ms"] + row["plain_p50_ms"])
        rows.append(row)
    return rows


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve())
    else:
        say(asyncio.run(ask(int(sys.argv[2]))))
