"""A stranger's endpoint in the four shapes: answers, tools, and each way in which a provider fails.

What a client's leaving looks like to an endpoint stands in test_model_failures.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from chatixia.agent.model.engine import LibraryEngine
from chatixia.agent.model.words import ModelSpec
from tests.agent.model.runs import Run, Tools, echo
from tests.interop.aimock_server import Aimock, aimock

KEYS = {
    "OPENAI_API_KEY": "k-openai",
    "ANTHROPIC_API_KEY": "k-anthropic",
    "AZURE_OPENAI_API_KEY": "k-azure",
}
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "azure": "/v1/chat/completions",
    "anthropic": "/v1/messages",
}


@pytest.fixture(scope="module")
def served() -> Iterator[Aimock]:
    with aimock() as running:
        yield running


def model(shape: str, url: str, name: str) -> ModelSpec:
    if shape == "responses":
        return ModelSpec("openai", name, f"{url}/v1", api="responses")
    if shape == "chat":
        return ModelSpec("openai", name, f"{url}/v1")
    return ModelSpec(shape, name, url)


@pytest.fixture(params=sorted(PATHS))
async def engine(request: pytest.FixtureRequest, served: Aimock) -> AsyncIterator[LibraryEngine]:
    served.forget()
    first, second = (model(request.param, served.url, name) for name in ("first", "second"))
    spec = ModelSpec(first.provider, "first", first.base_url, api=first.api, fallback=(second,))
    made = LibraryEngine(spec, KEYS, first_byte=20, silence=2)
    await made.warm()
    yield made
    await made.close()


async def test_a_streamed_answer(engine: LibraryEngine, served: Aimock):
    run = Run()
    begun = time.monotonic()
    text = await run.go(engine, "tell me a story")
    assert text == "Once upon a time there was a mesh of agents that called each other."
    pieces = [item for item in run.items if isinstance(item, str)]
    assert len(pieces) >= 5 and time.monotonic() - begun > 0.05
    assert run.events("usage")[0].requests == 1, run.events()
    [asked] = served.journal()
    assert "stream" in json.dumps(asked["body"])


async def test_two_tools_at_once(engine: LibraryEngine):
    run = Run(Tools(a=echo, b=echo))
    assert await run.go(engine, "two tools") == "Both are done."
    assert sorted(name for name, _ in run.tools.calls) == ["a", "b"]
    assert {json.loads(arguments)["x"] for _, arguments in run.tools.calls} == {1, 2}
    kinds = [event.kind for event in run.events()]
    assert kinds == ["tool_began", "tool_began", "tool_ended", "tool_ended", "usage"]


async def test_malformed_arguments_are_mended(engine: LibraryEngine):
    async def strict(arguments: str) -> str:
        mended = json.loads(arguments)
        if "x" not in mended:  # what its Anthropic shape makes of malformed arguments
            raise ValueError("x is missing")
        return str(mended["x"])

    run = Run(Tools(a=strict))
    assert await run.go(engine, "malformed") == "It is 7."
    assert [event.ok for event in run.events("tool_ended")] == [False, True]


async def test_a_provider_down_after_a_token(engine: LibraryEngine, served: Aimock):
    run = Run()
    assert await run.go(engine, "dies") == "The second one answers."
    [withdrawn] = run.events("fallback")
    before = run.items[: run.items.index(withdrawn)]
    assert any(isinstance(item, str) and item for item in before), "no token reached us"
    assert b"will never" not in b"".join(run.notes.kept)
    assert [entry["body"]["model"] for entry in served.journal()] == ["first", "second"]


async def test_a_retry_after_beyond_the_deadline(engine: LibraryEngine, served: Aimock):
    run = Run()
    assert await run.go(engine, "limited", seconds=60) == "The second one is free."
    assert [entry["response"]["status"] for entry in served.journal()] == [429, 200]
    assert "slow down" not in repr(run.items)


async def test_an_endpoint_that_sends_nothing(served: Aimock, engine: LibraryEngine):
    hasty = LibraryEngine(engine._spec, KEYS, first_byte=0.3, silence=5)
    run = Run()
    assert await run.go(hasty, "nothing", seconds=60) == "The second one is awake."
    assert len(run.events("retry")) == 3
    assert "sent nothing for 0.3 s" in run.events("fallback")[0].text
    await hasty.close()


async def test_an_endpoint_that_stops_in_mid_stream(engine: LibraryEngine):
    run = Run()
    assert await run.go(engine, "stops") == "The second one goes on."
    assert any(isinstance(item, str) and "A begin" in item for item in run.items)
    assert "sent nothing for 2 s" in run.events("fallback")[0].text
