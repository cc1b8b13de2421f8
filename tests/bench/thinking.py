"""Agents of the bench that have to do with a model: ``thinking.py thinker|passer``.

The thinker has one, at BENCH_ENDPOINT, and a plain skill; the passer hands on what the thinker says
as it comes.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator

from chatixia import Agent, Ctx
from chatixia.agent.model.words import ModelSpec

logging.basicConfig(level=logging.INFO, stream=sys.stderr)


def thinker() -> Agent:
    model = ModelSpec("compatible", "m", os.environ["BENCH_ENDPOINT"])
    return Agent("thinker", "Thinks, for the bench", model=model)


def passer() -> Agent:
    agent = Agent("passer", "Passes on, for the bench")

    @agent.prompt
    async def hand_on(text: str, ctx: Ctx) -> AsyncIterator[str]:
        async with ctx.mesh.agent("thinker").ask(text) as pieces:
            async for piece in pieces:
                yield piece

    return agent


if __name__ == "__main__":
    agent = {"thinker": thinker, "passer": passer}[sys.argv[1]]()

    @agent.skill
    async def echo(data: str) -> str:
        """Give back what came."""
        return data

    agent.run()
