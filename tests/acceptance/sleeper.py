"""A client that notices when it was suspended: ``python sleeper.py``. Then it calls, and says in a
line each how the calls ended."""

from __future__ import annotations

import asyncio
from time import monotonic

from chatixia import connect
from chatixia.errors import MeshError

STEP, GAP, CALLS = 0.2, 5.0, 20


async def main() -> None:
    async with connect() as mesh:
        a = mesh.agent("a", timeout=20)
        await a.call("echo", {"data": "x"})
        long = mesh.agent("a", timeout=600)
        held = asyncio.ensure_future(long.call("slow", {"seconds": 600}))
        # Whoever reads "warm" may stop this process at once: the held call is on its way by then
        # (frames keep their order), and the first look at the clock was before.
        warm = (await a.call("echo", {"data": "x"})).via
        before = monotonic()
        print("warm", warm, flush=True)
        while monotonic() - before <= GAP:
            before = monotonic()
            await asyncio.sleep(STEP)
        for _ in range(CALLS):
            try:
                print("call", (await a.call("echo", {"data": "x"})).via, flush=True)
            except MeshError as error:
                print("call", error.code, error.outcome, flush=True)
            await asyncio.sleep(STEP)
        held.cancel()
        [end] = await asyncio.gather(held, return_exceptions=True)
        print("held", getattr(end, "code", "open"), getattr(end, "outcome", ""), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
