"""A client that opens a link to ``argv[1]`` and holds it until a line comes."""

from __future__ import annotations

import asyncio
import sys

from chatixia import connect


async def main() -> None:
    async with connect() as mesh:
        assert (await mesh.agent(sys.argv[1]).call("echo", {"data": "x"})).via == "direct"
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main())
