"""The asking side of ours, through the public API alone: ``ask.py PART AGENT PID``."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from chatixia import connect
from tests.bench.measure import PAYLOAD, directly, latencies, measure, percentile, rate, say

MIB = 1024 * 1024


async def call(agent: str, pid: int) -> dict[str, float]:
    """A call of 200 bytes over a direct link."""
    async with connect() as mesh:
        handle = mesh.agent(agent)
        await directly(handle)
        return await measure(lambda: handle.echo(data=PAYLOAD), pid)


async def bulk(agent: str, pid: int) -> dict[str, float]:
    """Arguments of 4 MiB, one after the other."""
    async with connect() as mesh:
        handle = mesh.agent(agent)
        data = "x" * (4 * MIB)
        await directly(handle)
        await handle.take(data=data)
        start = time.perf_counter()
        for _ in range(16):
            await handle.take(data=data)
        return {"mb_s": 16 * len(data) / 1e6 / (time.perf_counter() - start)}


async def link(agent: str, pid: int) -> dict[str, float]:
    """A hundred links, each by a new client: what the first call says of its link."""
    found = []
    for _ in range(100):
        async with connect() as mesh:
            reply = await mesh.agent(agent).call("echo", {"data": "x"})
            assert reply.link_ms is not None, reply
            # Over the relay: nothing direct was open in time, so it took that long at least.
            found.append(reply.link_ms if reply.via == "direct" else reply.ms)
    return {
        "open_p50_ms": percentile(found, 0.5),
        "open_p99_ms": percentile(found, 0.99),
        "open_max_ms": max(found),
    }


async def tasks(agent: str, pid: int) -> dict[str, float]:
    """Cycles of tasks.md section 9, unsealed: submitted, pushed, completed, result here."""
    async with connect() as mesh:
        handle = mesh.agent(agent, queue="only")
        data = "x" * 300

        async def cycle() -> None:
            await handle.echo(data=data)

        await latencies(cycle, 50, 0)
        seconds = await rate(cycle, 4_000, 64)
        return {"cycles_per_s_64": 4_000 / seconds}


async def past(agent: str, pid: int) -> dict[str, float]:
    """Cycles after 100,000 others (PAST says how many), over those of a fresh registry."""
    many, some = int(os.environ.get("PAST", "100000")), 10_000
    async with connect() as mesh:
        handle = mesh.agent(agent, queue="only")
        data = "x" * 300

        async def cycle() -> None:
            await handle.echo(data=data)

        await rate(cycle, 2_000, 64)
        fresh = await rate(cycle, some, 64)
        await rate(cycle, many - some, 64)
        return {"past_ratio": fresh / await rate(cycle, some, 64)}


PARTS = {"past": past, "call": call, "bulk": bulk, "link": link, "tasks": tasks}

if __name__ == "__main__":
    say(asyncio.run(PARTS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
