"""A turn of a model, ours against the bare library: ``model_turn.py URL MESSAGES``.

Both ask the same endpoint with the same history and read the answer piece by piece, in turn in one
process, so that the machine's moods hit both alike. Ours loads the history from what the journal
holds, and hands over what it would store.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from contextlib import aclosing

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from chatixia.agent.model.engine import LibraryEngine
from chatixia.agent.model.library.messages import dump
from chatixia.agent.model.words import ModelSpec
from tests.agent.model.runs import Run
from tests.bench.measure import say

WARM, TURNS = 5, 60
PROMPT = "You are a test."


def history(count: int) -> list[ModelMessage]:
    """Prompts and answers of about 60 words in turn."""
    words = "a conversation has words like these, and so on; " * 6
    return [
        ModelResponse([TextPart(f"{n} {words}")])
        if n % 2
        else ModelRequest([UserPromptPart(f"{n} {words}")])
        for n in range(count)
    ]


async def bare(agent: Agent[None, str], past: list[ModelMessage]) -> None:
    async with agent.run_stream_events("next", message_history=past) as events:
        async for _ in events:
            pass


async def ours(engine: LibraryEngine, past: list[bytes]) -> None:
    async with aclosing(engine.run(Run().request("next", history=past))) as items:
        async for _ in items:
            pass


async def measure(url: str, count: int) -> dict[str, float]:
    past = history(count)
    stored = [dump(message) for message in past]
    model = OpenAIChatModel("m", provider=OpenAICompatibleProvider("x", base_url=url))
    agent = Agent(model, instructions=PROMPT, model_settings={"max_retries": 0})
    engine = LibraryEngine(ModelSpec("compatible", "m", url), {})
    await engine.warm()
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for turn in range(WARM + TURNS):
        for name in ("ours", "bare") if turn % 2 else ("bare", "ours"):
            begun = time.perf_counter()
            await (ours(engine, stored) if name == "ours" else bare(agent, past))
            if turn >= WARM:
                times[name].append(1000 * (time.perf_counter() - begun))
    await engine.close()
    return {
        f"turn_{count}_ms": statistics.median(times["ours"]),
        f"bare_turn_{count}_ms": statistics.median(times["bare"]),
        # Of each pair, so that what slows both down for a while counts for neither.
        f"overhead_ratio_{count}": statistics.median(
            one / other for one, other in zip(times["ours"], times["bare"], strict=True)
        ),
    }


if __name__ == "__main__":
    say(asyncio.run(measure(sys.argv[1], int(sys.argv[2]))))
