"""An agent that is called, streams and gives files: ``mixed_worker.py NAME HISTORY``. What it
begins and ends it writes down."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from chatixia import Agent, Artifact
from tests.lab.history import Event, answer, noise
from tests.lab.journal import Journal

agent = Agent(sys.argv[1], "Works while paths move", slots=64)
journal = Journal(sys.argv[2])


@agent.skill(timeout=120)
async def work(n: int, pause: float) -> int:
    """Take a while, and give the answer to that number."""
    journal.note(Event("run", n, worker=agent.name))
    await asyncio.sleep(pause)
    journal.note(Event("run", n, "done", worker=agent.name))
    return answer(n)


@agent.skill(timeout=120)
async def items(n: int, count: int) -> AsyncIterator[int]:
    """Stream the numbers from ``n`` on, then the answer."""
    journal.note(Event("run", n, worker=agent.name))
    for each in range(count):
        yield n + each
        await asyncio.sleep(0.01)
    journal.note(Event("run", n, "done", worker=agent.name))
    yield answer(n)


@agent.skill(timeout=120)
async def file(n: int, size: int) -> Artifact:
    """Give so many bytes of that number."""
    journal.note(Event("run", n, worker=agent.name))
    return Artifact.of(noise(n, size), name=f"{n}.bin")


if __name__ == "__main__":
    agent.run()
