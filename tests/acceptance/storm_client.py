"""A client in a storm: ``storm_client.py FIRST HISTORY``. It submits, waits and calls, and writes
down what it was told. At SIGTERM it begins nothing more, and ends when all its waits have."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from typing import Any

from chatixia import MeshError, connect
from tests.lab.history import Event
from tests.lab.journal import Journal

WORKERS = ("a", "b", "c", "")
SUBMITTING, CALLING = 4, 3
OPEN = 100


class Client:
    """Lanes that submit and lanes that call, each work by a number of its own."""

    def __init__(self, mesh: Any, first: int, journal: Journal) -> None:
        self.mesh, self.journal = mesh, journal
        self.next, self.rng = first, random.Random(first)
        self.stopping = asyncio.Event()
        self.waits: set[asyncio.Task[None]] = set()

    def number(self) -> int:
        self.next += 1
        return self.next

    def args(self, n: int) -> dict[str, Any]:
        return {"n": n, "pause": self.rng.choice((0.0, 0.0, 0.05, 0.2, 1.0))}

    async def submitting(self) -> None:
        while not self.stopping.is_set():
            n, once = self.number(), self.rng.random() < 0.5
            agent = self.rng.choice(WORKERS)
            attempts = 1 if once else 5
            self.journal.note(Event("submit", n, once=once))
            try:
                task = await self.mesh.submit(
                    agent, "work", self.args(n), key=str(n), max_attempts=attempts, deadline=240
                )
            except MeshError as error:
                self.journal.note(Event("submit", n, error.outcome, once, code=error.code))
                await asyncio.sleep(0.2)
            else:
                self.journal.note(Event("submit", n, "ok", once))
                waiting = asyncio.ensure_future(self.wait(n, task))
                self.waits.add(waiting)
                waiting.add_done_callback(self.waits.discard)
            await asyncio.sleep(0.08 if len(self.waits) < OPEN else 0.5)

    async def wait(self, n: int, task: Any) -> None:
        self.journal.note(Event("wait", n))
        try:
            value = await task
        except MeshError as error:
            self.journal.note(Event("wait", n, error.outcome, code=error.code))
        else:
            self.journal.note(Event("wait", n, "ok", value=value))

    async def calling(self) -> None:
        while not self.stopping.is_set():
            n, agent = self.number(), self.rng.choice(WORKERS[:3])
            self.journal.note(Event("call", n, once=True))
            try:
                handle = self.mesh.agent(agent, queue="only", timeout=8)
                value = await handle.work(**self.args(n))
            except MeshError as error:
                self.journal.note(Event("call", n, error.outcome, code=error.code))
                await asyncio.sleep(0.2)
            else:
                self.journal.note(Event("call", n, "ok", value=value))
            await asyncio.sleep(0.05)

    async def run(self) -> None:
        lanes = [self.submitting() for _ in range(SUBMITTING)]
        await asyncio.gather(*lanes, *(self.calling() for _ in range(CALLING)))
        while self.waits:
            await asyncio.wait(self.waits)


async def main(first: int, path: str) -> None:
    async with connect() as mesh:
        client = Client(mesh, first, Journal(path))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, client.stopping.set)
        print("storming", flush=True)
        await client.run()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
