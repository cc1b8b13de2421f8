"""The agent that the bench calls: defaults on (validation, signing, log level info)."""

from __future__ import annotations

import logging
import sys

from chatixia import Agent

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
agent = Agent(sys.argv[1], "Echoes, for the bench", slots=128)  # 64 in flight fit


@agent.skill
async def echo(data: str) -> str:
    """Give back what came."""
    return data


@agent.skill
async def take(data: str) -> int:
    """Take a large argument; its length."""
    return len(data)


if __name__ == "__main__":
    agent.run()
