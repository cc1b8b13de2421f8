"""A client that calls, reads streams and fetches files: ``mixed_client.py HISTORY``.

It writes down what it was told. At SIGTERM it begins nothing more, and once all has ended it says
``quiet``; at the next it ends.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from chatixia import MeshError, connect
from tests.lab.history import Event, answer, noise
from tests.lab.journal import Journal

WORKERS = ("bob", "carl", "dora")
SECONDS = 30.0
LANES = {"call": 4, "stream": 2, "fetch": 1}


class Client:
    """Lanes of each kind, each piece of work by a number of its own."""

    def __init__(self, mesh: Any, journal: Journal) -> None:
        self.mesh, self.journal = mesh, journal
        self.next, self.rng = 0, random.Random(5)
        self.stopping = asyncio.Event()
        self.tiers: Counter[str] = Counter()

    async def lane(self, ask: Callable[[Any, int], Awaitable[int]]) -> None:
        while not self.stopping.is_set():
            self.next += 1
            n, handle = self.next, self.mesh.agent(self.rng.choice(WORKERS), timeout=SECONDS)
            await self.outcome("call", n, ask(handle, n))
            await asyncio.sleep(0.02)

    async def outcome(self, act: str, n: int, work: Awaitable[int]) -> None:
        """Write down the begin of something, and its one end."""
        self.journal.note(Event(act, n, once=True))
        try:
            value = await work
        except MeshError as error:
            self.journal.note(Event(act, n, error.outcome, True, code=error.code))
            await asyncio.sleep(0.2)
        else:
            self.journal.note(Event(act, n, "ok", True, value=value))

    async def call(self, handle: Any, n: int) -> int:
        reply = await handle.call("work", {"n": n, "pause": self.rng.choice((0.0, 0.05, 0.5))})
        self.tiers[reply.via] += 1
        return int(reply.value)

    async def stream(self, handle: Any, n: int) -> int:
        count = self.rng.randrange(5, 60)
        came = [item async for item in handle.stream("items", {"n": n, "count": count})]
        assert came[:-1] == [n + each for each in range(count)], came
        return int(came[-1])

    async def fetch(self, handle: Any, n: int) -> int:
        size = self.rng.randrange(1, 600_000)
        reply = await handle.call("file", {"n": n, "size": size})
        await self.outcome("read", n, self.read(reply.value, n, size))
        return answer(n)

    async def read(self, artifact: Any, n: int, size: int) -> int:
        assert await artifact.read() == noise(n, size)
        return answer(n)

    async def run(self) -> None:
        lanes = [
            self.lane(getattr(self, kind)) for kind, many in LANES.items() for _ in range(many)
        ]
        await asyncio.gather(*lanes)


async def main(path: str) -> None:
    async with connect() as mesh:
        client, loop = Client(mesh, Journal(path)), asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, client.stopping.set)
        print("begun", flush=True)
        await client.run()
        over = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, over.set)
        print("quiet", dict(client.tiers), flush=True)
        await over.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
