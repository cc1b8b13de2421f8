"""How a call is measured, the same for every contender: one at a time, then 32 in flight."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatixia import AgentHandle

PAYLOAD = "x" * 200
WARM, SINGLE, LOADED, IN_FLIGHT = 500, 3_000, 30_000, 32


def cpu_seconds(*pids: int) -> float:
    """CPU that those processes have used, theirs and the system's for them."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def percentile(values: list[float], part: float) -> float:
    """The value below which that part of them lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


async def latencies(call: Callable[[], Awaitable[object]], count: int, warm: int) -> list[float]:
    """Milliseconds of each call, one at a time."""
    found = []
    for turn in range(warm + count):
        start = time.perf_counter()
        await call()
        if turn >= warm:
            found.append(1e3 * (time.perf_counter() - start))
    return found


async def rate(call: Callable[[], Awaitable[object]], count: int, in_flight: int) -> float:
    """Seconds for ``count`` calls with ``in_flight`` of them open."""
    left = count

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return time.perf_counter() - start


async def measure(
    call: Callable[[], Awaitable[object]], *others: int, loaded: int = LOADED
) -> dict[str, float]:
    """The row of one contender. ``others``: pids that work for the call besides this process."""
    times = await latencies(call, SINGLE, WARM)
    spent = cpu_seconds(os.getpid(), *others)
    seconds = await rate(call, loaded, IN_FLIGHT)
    spent = cpu_seconds(os.getpid(), *others) - spent
    return {
        "p50_ms": percentile(times, 0.5),
        "p99_ms": percentile(times, 0.99),
        "per_s_1": 1e3 * len(times) / sum(times),
        "per_s_32": loaded / seconds,
        "cpu_us": 1e6 * spent / loaded,
    }


async def directly(handle: AgentHandle) -> None:
    """Call until the answer came directly: the first may come over the relay."""
    async with asyncio.timeout(20):
        while (await handle.call("echo", {"data": PAYLOAD})).via != "direct":
            await asyncio.sleep(0.01)


def say(found: dict[str, float]) -> None:
    """The row, for the bench that started this process."""
    print(json.dumps(found), flush=True)
