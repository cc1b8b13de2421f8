"""An agent for the tests of MCP: ``python mcp_worker.py NAME``.

Each call is written to the file LEDGER, one line, and how it ended. With CROWD it has that many
more skills.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from chatixia import Agent, Artifact, Ctx
from chatixia.agent.skill import Skill

agent = Agent(sys.argv[1], "Does what the tests of MCP ask")
LEDGER = os.environ.get("LEDGER", os.devnull)


def note(what: str) -> None:
    with open(LEDGER, "a") as ledger:
        ledger.write(f"{what}\n")


@agent.skill
async def path(ctx: Ctx) -> list[str]:
    """On whose behalf it works."""
    return list(ctx.path)


@agent.skill(timeout=600)
async def hold(ctx: Ctx) -> None:
    """Work until nobody wants it any more."""
    note("began")
    await ctx.progress(0.5, "half")
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        note("cancelled")
        raise


@agent.skill
async def text(size: int) -> str:
    """A text of so many bytes."""
    return "x" * size


@agent.skill
async def file(size: int) -> Artifact:
    """A file of so many bytes."""
    return Artifact.of(b"x" * size, name="x.bin")


@agent.skill
async def joined(first: Artifact, more: list[Artifact] | None = None) -> str:
    """What is in these files, with their names."""
    files = [first, *(more or [])]
    return " ".join([f"{one.name}={(await one.read()).decode()}" for one in files])


async def work(n: int = 0) -> int:
    """One of many."""
    return n


for number in range(int(os.environ.get("CROWD", "0"))):
    agent.skill(name=f"work{number:04}")(work)

SHEETS = {
    "$comment": "made by hand",
    "type": "object",
    "$defs": {"sheet": {"type": "object", "$comment": "a sheet", "required": ["text"]}},
    "properties": {"sheet": {"oneOf": [{"$ref": "#/$defs/sheet"}, {"type": "null"}]}},
    "required": ["sheet"],
}


async def sheets(**arguments: Any) -> str:
    """What is on a sheet; its schema has a comment, definitions and a choice."""
    sheet: dict[str, str] | None = arguments["sheet"]
    return sheet["text"] if sheet else "nothing"


if "SHEETS" in os.environ:
    agent.add(Skill("sheets", sheets, parameters=SHEETS))

if __name__ == "__main__":
    agent.run()
