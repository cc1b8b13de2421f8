"""An agent in a storm: ``storm_worker.py NAME HISTORY``. What it begins and ends it writes down."""

from __future__ import annotations

import asyncio
import sys

from chatixia import Agent, Ctx
from tests.lab.history import Event, answer
from tests.lab.journal import Journal

agent = Agent(sys.argv[1], "Works while its mesh is torn at", slots=16)
journal = Journal(sys.argv[2])


@agent.skill(timeout=300)
async def work(n: int, pause: float, ctx: Ctx) -> int:
    """Take a while, and give the answer to that number."""
    journal.note(Event("run", n, worker=agent.name, fence=ctx.fence))
    await asyncio.sleep(pause)
    journal.note(Event("run", n, "done", worker=agent.name, fence=ctx.fence))
    return answer(n)


if __name__ == "__main__":
    agent.run()
