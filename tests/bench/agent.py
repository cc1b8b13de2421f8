"""The agent that the bench calls: defaults on (validation, signing, log level info)."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time

from chatixia import Agent, Artifact, Ctx, errors

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
agent = Agent(sys.argv[1], "Echoes, for the bench", slots=128)  # 64 in flight fit


@agent.skill
async def echo(data: str) -> str:
    """Give back what came."""
    return data


@agent.skill
async def take(data: str) -> int:
    """Take a large argument; its length."""
    return len(data)


@agent.skill
async def swallow(file: Artifact) -> int:
    """Read a file as it comes; how many bytes came."""
    return sum([len(piece) async for piece in file.stream()])


@agent.skill(timeout=600)
async def haul(to: str, size: int, tier: str, ctx: Ctx) -> float:
    """Megabytes a second of a file to another agent, once calls go by that tier."""
    there = ctx.agent(to, timeout=500)
    async with asyncio.timeout(60):
        while (await there.call("echo", {"data": "x"})).via != tier:
            await asyncio.sleep(0.05)
    file = Artifact.of(os.urandom(size))
    began = time.perf_counter()
    if await there.swallow(file=file) != size:
        raise errors.Internal("Not all of the file came.")
    return size / 1e6 / (time.perf_counter() - began)


if __name__ == "__main__":
    agent.run()
