"""The model endpoint of the bench, in a process of its own: prints its address, serves to its end.

A prompt with `lag` is answered by pieces that each say when they were written, on the clock that
all processes share; any other one by twenty words at once.
"""

from __future__ import annotations

import asyncio
import json
import time

from tests.lab.chat_endpoint import Asked, ChatEndpoint

PIECES, PAUSE = 100, 0.01
WORDS = 20


async def play(asked: Asked) -> None:
    if "lag" in asked.texts[-1]:
        for _ in range(PIECES):
            await asked.say(f"{time.monotonic_ns()} ")
            await asyncio.sleep(PAUSE)
    else:
        for _ in range(WORDS):
            await asked.say("word ")
    await asked.end()


async def main() -> None:
    async with ChatEndpoint(play) as endpoint:
        print(json.dumps({"url": endpoint.url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
