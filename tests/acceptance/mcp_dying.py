"""A host that calls a tool and waits, to be killed: ``mcp_dying.py PROGRAM WORDS... TOOL``.

It prints its gateway's process, which the library puts in a session of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp import Client, StdioServerParameters


async def main() -> None:
    program, *words, tool = sys.argv[1:]
    server = StdioServerParameters(command=program, args=[*words, "mcp"], env=dict(os.environ))
    async with Client(server) as client:
        [gateway] = Path("/proc/thread-self/children").read_text().split()
        print("gateway", gateway, flush=True)
        await client.call_tool(tool, {})


asyncio.run(main())
