"""An agent for the acceptance tests: ``python worker.py NAME``. What it does it writes down.

With LEDGER set, each execution of ``mark`` appends its argument to that file before it answers.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from chatixia import Agent, Ctx

agent = Agent(
    sys.argv[1], "Does what the acceptance tests ask", slots=int(os.environ.get("SLOTS", "8"))
)


@dataclass
class Row:
    n: int


LEDGER = os.environ.get("LEDGER")
done: list[int] = []


@agent.skill
async def echo(data: str) -> str:
    """Give back what came."""
    return data


@agent.skill
async def add(a: int, b: int = 1) -> int:
    """Add two whole numbers."""
    return a + b


@agent.skill
async def slow(seconds: float) -> str:
    """Answer after a while."""
    await asyncio.sleep(seconds)
    return "late"


@agent.skill
async def boom(what: str = "") -> str:
    """Raise."""
    raise RuntimeError(f"boom {what}")


@agent.skill
async def shrug() -> None:
    """Let slip that something of its own was cancelled."""
    raise asyncio.CancelledError


@agent.skill
async def total(rows: list[Row]) -> int:
    """Add up a field of each row."""
    return sum(row.n for row in rows)


@agent.skill
async def mark(n: int) -> int:
    """Write the number down, durably, and give it back."""
    done.append(n)
    if LEDGER:
        with open(LEDGER, "a") as ledger:
            ledger.write(f"{agent.name} {n}\n")
    return n


@agent.skill
async def marks() -> list[int]:
    """Every number so far, in the order in which it was executed."""
    return done


@agent.skill(timeout=600)
async def hold(n: int, seconds: float) -> int:
    """Write the number down, then take a while."""
    await mark(n)
    await asyncio.sleep(seconds)
    return n


@agent.skill
async def chain(to: list[str], ctx: Ctx) -> list[str]:
    """Call the next agent of the list with the rest of it; the answers' path."""
    if not to:
        return [agent.name]
    rest: list[str] = await ctx.agent(to[0]).chain(to=to[1:])
    return [agent.name, *rest]


@agent.skill
async def loop(other: str, ctx: Ctx) -> str:
    """Call the other agent's loop, which calls ours, without end."""
    answer: str = await ctx.agent(other).loop(other=agent.name)
    return answer


@agent.skill
async def block(seconds: float) -> str:
    """Hold the event loop itself: nothing else runs here meanwhile."""
    time.sleep(seconds)
    return "awake"


@agent.skill(timeout=600)
async def stand(n: int, seconds: float) -> int:
    """Write the number down, then hold the event loop itself."""
    await mark(n)
    time.sleep(seconds)
    return n


for other in filter(None, os.environ.get("STAND_AS", "").split()):
    agent.skill(name=other, timeout=600)(stand)  # so that a test can say which workers take it


@agent.skill
async def count(to: int) -> AsyncIterator[int]:
    """Stream the numbers below ``to``."""
    for n in range(to):
        yield n


@agent.skill
async def links() -> list[dict[str, Any]]:
    """The open links as this end's engine sees them."""
    return [
        {"peer": link.peer, "tier": link.tier, "link": link.link, "attempts": link.attempts}
        for link in agent.mesh.links()
    ]


@agent.skill
async def echoes(others: list[str], data: str, ctx: Ctx) -> dict[str, str]:
    """Ask each of the others for an echo; the tier of each answer."""
    replies = await asyncio.gather(*(ctx.agent(o).call("echo", {"data": data}) for o in others))
    assert all(reply.value == data for reply in replies)
    return {other: reply.via for other, reply in zip(others, replies, strict=True)}


kept: list[str] = []


@agent.skill
async def keep(other: str, data: str, ctx: Ctx) -> str:
    """Keep the text here and, if another is named, there; the tier that carried it."""
    kept.append(data)
    if not other:
        return "here"
    reply = await ctx.agent(other).call("keep", {"other": "", "data": data})
    return reply.via


def barrier(path: str) -> None:
    """Load all that a login needs, say so, and wait until the test opens the pipe for writing."""
    from chatixia.peer import driver, engines

    engines.load()
    print("warmed", driver.__name__, flush=True)
    with open(path, "rb"):
        pass


if __name__ == "__main__":
    if gate := os.environ.get("GATE"):
        barrier(gate)
    agent.run()
