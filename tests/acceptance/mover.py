"""A worker for bad networks, ``python mover.py NAME``: all that ``worker.py`` does, numbered
messages in order, moves between tiers, and files.

With UNHELD set a better path is used as soon as it is open, however often its kind died. With
ARRIVED set each piece of an artifact that comes is written down there, ``OFFSET COUNT``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from worker import agent  # noqa: E402

from chatixia import Artifact, Ctx  # noqa: E402
from chatixia.core import paths  # noqa: E402
from chatixia.core.transfer import Download  # noqa: E402
from chatixia.errors import MeshError  # noqa: E402

if os.environ.get("UNHELD"):
    paths.HOLD_SECONDS = paths.MAX_HOLD_SECONDS = 0.0  # type: ignore[misc]


@contextmanager
def moving(to: str, every: float) -> Iterator[list[str]]:
    """Cut the path in use each ``every`` seconds (0: never); the tiers that were cut."""
    cut: list[str] = []

    async def again() -> None:
        while True:
            await asyncio.sleep(every)
            tiers = [link.tier for link in agent.mesh.links() if link.peer == to]
            with suppress(KeyError, AssertionError):  # none is open at the moment
                agent.mesh._context.port.driver.cut(to)
                cut.extend(tiers)

    task = asyncio.create_task(again()) if every else None
    try:
        yield cut
    finally:
        if task and not task.cancel():
            task.result()  # it never ends by itself: what it raised is an error of this test


@agent.skill(timeout=3000)
async def numbers(to: str, count: int, flight: int, every: float, ctx: Ctx) -> dict[str, Any]:
    """Have the other mark each number below ``count``, so many at once; the tiers of the answers
    in the order of the numbers, and how many paths were cut meanwhile."""
    gate, tiers = asyncio.Semaphore(flight), [""] * count

    async def one(n: int) -> None:
        try:
            reply = await ctx.agent(to).call("mark", {"n": n})
            assert reply.value == n
            tiers[n] = reply.via
        finally:
            gate.release()

    with moving(to, every) as cut:
        async with asyncio.TaskGroup() as running:
            for n in range(count):
                await gate.acquire()
                running.create_task(one(n))
    changes = sum(one != other for one, other in zip(tiers, tiers[1:], strict=False))
    return {"tiers": dict(Counter(tiers)), "changes": changes, "cut": dict(Counter(cut))}


@agent.skill(timeout=3000)
async def several(
    to: str, count: int, seconds: float, over: float, deadline: float, ctx: Ctx
) -> list[dict[str, Any]]:
    """Begin so many calls of ``hold``, evenly ``over`` so many seconds; what became of each."""

    async def one(n: int) -> dict[str, Any]:
        await asyncio.sleep(over * n / count)
        began = time.monotonic()
        try:
            reply = await ctx.agent(to, timeout=deadline).call("hold", {"n": n, "seconds": seconds})
            said = {"end": "answer", "value": reply.value, "via": reply.via}
        except MeshError as error:
            said = {"end": error.code, "outcome": error.outcome}
        return {"n": n, **said, "took": time.monotonic() - began}

    return await asyncio.gather(*map(one, range(count)))


def written(original: Any, place: str) -> Any:
    """Write down what a download takes, and what it had."""

    def accept(self: Download, offset: int, count: int) -> bool:
        with open(place, "a") as out:
            out.write(f"{offset} {count}\n")
        return bool(original(self, offset, count))

    return accept


if place := os.environ.get("ARRIVED"):
    Download.accept = written(Download.accept, place)  # type: ignore[method-assign]


@agent.skill
async def file(path: str) -> Artifact:
    """Give a file."""
    return Artifact.of(path)


@agent.skill(timeout=3000)
async def fetch(of: str, path: str, to: str, ctx: Ctx) -> dict[str, Any]:
    """Ask another for a file and save it here; its hash as its sender said, and how it came."""
    reply = await ctx.agent(of, timeout=1500).call("file", {"path": path})
    began = time.monotonic()
    await reply.value.save(to)
    took = time.monotonic() - began
    return {"sha256": reply.value.sha256, "via": reply.via, "mb_s": reply.value.size / took / 1e6}


@agent.skill(timeout=3000)
async def take(data: Artifact, to: str) -> int:
    """Save what was given; its size. An error is said here, too."""
    try:
        await data.save(to)
    except MeshError as error:
        print(f"take: {error.code}: {error.message}", flush=True)
        raise
    return data.size


@agent.skill(timeout=3000)
async def give(to: str, path: str, there: str, ctx: Ctx) -> int:
    """Have another save a file of mine."""
    size: int = await ctx.agent(to, timeout=1500).take(data=Artifact.of(path), to=there)
    return size


if __name__ == "__main__":
    agent.run()
