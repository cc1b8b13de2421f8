"""The asking side of ours, through the public API alone: ``ask.py PART AGENT PID``."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from typing import Any

from chatixia import Artifact, connect
from tests.bench.measure import PAYLOAD, directly, latencies, measure, percentile, rate, say

MIB = 1024 * 1024
MB = 1_000_000


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


async def artifact(agent: str, pid: int) -> dict[str, float]:
    """Files of 100 MB, alone; then what calls beside some of them take, over those of nobody."""
    async with connect() as mesh:
        handle = mesh.agent(agent, timeout=300)
        await directly(handle)
        with tempfile.NamedTemporaryFile() as file:
            for _ in range(100):
                file.write(os.urandom(MB))
            file.flush()
            given = Artifact.of(file.name)
            assert await handle.swallow(file=given) == 100 * MB
            start = time.perf_counter()
            for _ in range(3):
                await handle.swallow(file=given)
            speed = 300 / (time.perf_counter() - start)
            idle = await latencies(lambda: handle.echo(data=PAYLOAD), 2_000, 200)
            beside = await while_busy(handle, given, 3)
    return {
        "artifact.mb_s": speed,
        "call_under_bulk.p99_ms": percentile(beside, 0.99),
        "call_under_bulk.ratio_p99": percentile(beside, 0.99) / percentile(idle, 0.99),
    }


async def while_busy(handle: Any, given: Artifact, times: int) -> list[float]:
    """Milliseconds of calls, one after the other, while a file goes so many times."""

    async def busy() -> None:
        for _ in range(times):
            await handle.swallow(file=given)

    going, found = asyncio.ensure_future(busy()), list[float]()
    while not going.done():
        found += await latencies(lambda: handle.echo(data=PAYLOAD), 1, 0)
    await going
    return found


async def broadcast(agent: str, pid: int) -> dict[str, float]:
    """Seconds to tell all agents, of rounds in which each gave its receipt. ``agent``: how many
    there are."""
    async with connect(timeout=60) as mesh:
        took = []
        async with asyncio.timeout(240):
            while len(await mesh.agents()) < int(agent):
                await asyncio.sleep(1)
        for _ in range(5):
            start = time.perf_counter()
            receipts = await mesh.broadcast("for all", wait=False)
            if sum(receipt.ok for receipt in receipts) == int(agent):
                took.append(time.perf_counter() - start)
        if not took:
            raise SystemExit("Not one broadcast reached all.")
        return {"s": percentile(took, 0.5)}


PARTS = {
    "past": past,
    "call": call,
    "bulk": bulk,
    "link": link,
    "tasks": tasks,
    "artifact": artifact,
    "broadcast": broadcast,
}

if __name__ == "__main__":
    say(asyncio.run(PARTS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
