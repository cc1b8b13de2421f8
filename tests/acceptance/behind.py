"""The agent behind a sidecar in the acceptance tests; a copy of this is a folder's ``agent.py``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from chatixia import Agent, Artifact, Ctx

agent = Agent("side", "Serves behind a sidecar")
LEDGER = os.environ.get("LEDGER", os.devnull)
tasks: list[asyncio.Task[object]] = []


def write(*words: object) -> None:
    with open(LEDGER, "a") as ledger:
        print(*words, file=ledger, flush=True)


@agent.skill
async def echo(data: str) -> str:
    """Give back what came."""
    return data


@agent.skill
async def pid() -> int:
    """The process that serves."""
    return os.getpid()


@agent.skill
async def environment(name: str) -> str:
    """What a variable says here."""
    return os.environ.get(name, "")


@agent.skill
async def hold(n: int, seconds: float) -> int:
    """Answer after a while."""
    write("hold", n)
    await asyncio.sleep(seconds)
    return n


@agent.skill(idempotent=True)
async def again(n: int, seconds: float) -> int:
    """The same, and it may run twice."""
    write("again", n)
    await asyncio.sleep(seconds)
    return n


@agent.skill
async def tell(count: int) -> AsyncIterator[int]:
    """Count."""
    for n in range(count):
        yield n


@agent.skill
async def outward(other: str, count: int, seconds: float) -> int:
    """Begin calls of its own, beside any request."""
    for n in range(count):
        call = agent.mesh.agent(other, timeout=60).hold(n=n, seconds=seconds)
        tasks.append(asyncio.ensure_future(call))
    return len(tasks)


@agent.skill
async def outcomes(seconds: float) -> list[str]:
    """How those ended, those that have within the seconds."""
    done, _ = await asyncio.wait(tasks, timeout=seconds)
    return [end(task) for task in done]


def end(task: asyncio.Task[object]) -> str:
    error = task.exception()
    return "value" if error is None else f"{error.code} {error.outcome}"  # type: ignore[attr-defined]


@agent.skill
async def through(other: str, data: str, ctx: Ctx) -> str:
    """Ask another on the asker's behalf."""
    return str(await ctx.agent(other).echo(data=data))


@agent.skill
async def pieces(count: int) -> AsyncIterator[Artifact]:
    """A stream of files."""
    for n in range(count):
        yield Artifact.of(f"piece {n}".encode(), name=f"{n}.txt")


@agent.skill
async def copy(file: Artifact) -> Artifact:
    """Give a file back."""
    return Artifact.of(await file.read(), name=f"copy of {file.name}")
