"""A host of MCP, by the protocol's own library: it starts ``chatixia mcp`` and uses a tool
that runs on another machine.

    python examples/mcp/host.py             on a machine of the mesh

Desktop assistants and editors do the same by their settings: ``chatixia mcp --config HOST``.
"""

from __future__ import annotations

import asyncio
import os
import sys

from mcp import Client, StdioServerParameters


async def main() -> None:
    """Print the tools of the agent ``storage``, and what one of them says."""
    words = ["-m", "chatixia.cli", "mcp", "--agent", "storage", "--name", "example"]
    gateway = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
    async with Client(gateway) as client:
        print("tools:", *(tool.name for tool in (await client.list_tools()).tools))
        answer = await client.call_tool("free", {"path": "/"})
        print(*(content.text for content in answer.content if content.type == "text"))


if __name__ == "__main__":
    asyncio.run(main())
