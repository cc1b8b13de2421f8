"""Progress: always a higher number, the newest only, and none that nobody asked for."""

from __future__ import annotations

import asyncio

from chatixia.client.progress import Progress
from chatixia.gateway.mcp.progress import relayed
from tests.until import turns


async def test_numbers_rise_whatever_the_skill_says():
    told: list[float] = []

    async def report(fraction: float, total: float | None, note: str | None) -> None:
        told.append(fraction)

    async with relayed(report) as heard:
        for n, fraction in enumerate((None, 0.5, 0.2, None, 1.0), 1):
            heard(Progress(fraction, "x"))
            await turns(lambda n=n: len(told) == n)
    assert told == sorted(set(told))
    assert told[-1] == 1.0


async def test_a_slow_host_gets_the_newest():
    told: list[str | None] = []
    gate = asyncio.Event()

    async def report(fraction: float, total: float | None, note: str | None) -> None:
        told.append(note)
        await gate.wait()

    async with relayed(report) as heard:
        heard(Progress(0.1, "1"))
        await turns(lambda: told)
        for n in range(2, 100):
            heard(Progress(n / 100, str(n)))
        gate.set()
        await turns(lambda: len(told) == 2)
    assert told == ["1", "99"]


async def test_a_host_that_left_stops_nothing():
    async def report(fraction: float, total: float | None, note: str | None) -> None:
        raise BrokenPipeError

    async with relayed(report) as heard:
        heard(Progress(0.1, "1"))
        await asyncio.sleep(0)
