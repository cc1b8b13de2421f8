"""Many agents in one process: ``many.py FIRST COUNT LINKS``, until it is killed.

Says ``online`` when all have logged in; then, once each has so many links, a JSON line with when
they began to start and when the last link was there, on the clock that all processes share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time

from chatixia import Agent


def made(number: int) -> Agent:
    agent = Agent(f"one{number}", "One of many, for the bench")

    @agent.skill
    async def echo(data: str) -> str:
        """Give back what came."""
        return data

    return agent


async def main(first: int, count: int, links: int) -> None:
    async with contextlib.AsyncExitStack() as stack:
        agents = [made(number) for number in range(first, first + count)]
        began = time.monotonic()
        await asyncio.gather(*(stack.enter_async_context(agent) for agent in agents))
        print("online", flush=True)
        while any(len(agent.mesh.links()) < links for agent in agents):
            await asyncio.sleep(0.05)
        print(json.dumps({"began": began, "linked": time.monotonic()}), flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(*map(int, sys.argv[1:4])))
