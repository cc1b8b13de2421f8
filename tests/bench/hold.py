"""A client that opens a link to ``argv[1]`` and holds it until a line comes."""

from __future__ import annotations

import asyncio
import sys

from chatixia import connect
from tests.bench.measure import directly


async def main() -> None:
    async with connect() as mesh:
        await directly(mesh.agent(sys.argv[1]))
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main())
