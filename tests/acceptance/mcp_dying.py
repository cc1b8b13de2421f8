"""A host that calls a tool and waits, to be killed: ``mcp_dying.py PROGRAM WORDS... TOOL``."""

from __future__ import annotations

import asyncio
import os
import sys

from mcp import Client, StdioServerParameters


async def main() -> None:
    program, *words, tool = sys.argv[1:]
    server = StdioServerParameters(command=program, args=[*words, "mcp"], env=dict(os.environ))
    async with Client(server) as client:
        await client.call_tool(tool, {})


asyncio.run(main())
