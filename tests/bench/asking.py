"""The asking side of the bench's model: ``asking.py lag|bystander``."""

from __future__ import annotations

import asyncio
import sys
import time

from chatixia import connect
from tests.bench.measure import directly, latencies, percentile, say

QUESTIONS = 5
MESSAGES = 200
CALLS = 2_000


async def lag() -> dict[str, float]:
    """A token's way from the endpoint's write to an asker two agents away."""
    async with connect() as mesh:
        passer = mesh.agent("passer")
        await directly(passer)
        found: list[float] = []
        for question in range(QUESTIONS + 1):
            async with passer.ask("lag") as pieces:
                async for piece in pieces:
                    now = time.monotonic_ns()
                    if question:  # the first one opens links and connections
                        found += [(now - int(word)) / 1e6 for word in piece.split()]
        return {"token_lag_ms": percentile(found, 0.95), "token_lag_p50_ms": percentile(found, 0.5)}


async def bystander() -> dict[str, float]:
    """Calls of a plain skill while the same agent's model has turns of 200 messages."""
    async with connect() as mesh:
        thinker = mesh.agent("thinker")
        await directly(thinker)
        for _ in range(MESSAGES // 2):
            await thinker.ask("tell me", session_id="long")
        alone = await latencies(lambda: thinker.echo(data="x"), CALLS, 100)
        stop = False

        async def turns() -> int:
            count = 0
            while not stop:
                await thinker.ask("tell me more", session_id="long")
                count += 1
            return count

        thinking = asyncio.create_task(turns())
        beside = await latencies(lambda: thinker.echo(data="x"), CALLS, 100)
        stop = True
        assert await thinking >= 3, "too few turns to be beside"
        return {
            "bystander_p99_ms": percentile(beside, 0.99),
            "bystander_p50_ms": percentile(beside, 0.5),
            "alone_p99_ms": percentile(alone, 0.99),
        }


if __name__ == "__main__":
    say(asyncio.run({"lag": lag, "bystander": bystander}[sys.argv[1]]()))
