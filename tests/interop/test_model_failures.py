"""A provider that dies, refuses or falls silent, over HTTP; and one that sees us leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from chatixia.agent.model.engine import LibraryEngine
from chatixia.agent.model.words import ModelSpec
from chatixia.errors import ModelFailed
from tests.agent.model.runs import Run, Tools, echo
from tests.lab.chat_endpoint import Asked, ChatEndpoint, Play


async def steady(asked: Asked) -> None:
    """The model that always answers, and names what it was asked last."""
    await asked.say("The steady one says: ")
    await asked.say(asked.texts[-1])
    await asked.end()


@asynccontextmanager
async def engine_at(
    play: Play, fallback: Play | None = None, **limits: float
) -> AsyncIterator[tuple[LibraryEngine, ChatEndpoint, ChatEndpoint]]:
    async with ChatEndpoint(play) as first, ChatEndpoint(fallback or steady) as second:
        next_one = (ModelSpec("compatible", "second", second.url),) if fallback else ()
        spec = ModelSpec("compatible", "first", first.url, fallback=next_one)
        engine = LibraryEngine(spec, {}, **limits)
        await engine.warm()
        try:
            yield engine, first, second
        finally:
            await engine.close()


async def test_the_endpoint_sees_within_200_ms_that_its_asker_left():
    async def endless(asked: Asked) -> None:
        while True:
            await asked.say("word ")
            await asyncio.sleep(0.01)

    async with engine_at(endless) as (engine, endpoint, _):
        run = Run()
        async with aclosing(engine.run(run.request())) as items:
            for _n in range(5):
                await anext(items)
            left_at = time.monotonic()
        async with asyncio.timeout(5):
            await endpoint.asked[0].left.wait()
        assert endpoint.asked[0].left_at - left_at < 0.2
        assert run.notes.used[0].estimated and run.notes.used[0].output_tokens > 0


async def test_a_provider_that_dies_after_a_token_is_followed_by_the_next():
    async def dies(asked: Asked) -> None:
        if "tool" not in asked.texts[-1]:
            await asked.say("I look it up.")
            await asked.call(("c1", "a", '{"x": 1}'))
            await asked.end("tool_calls")
            return
        await asked.say("The answer is ")
        await asyncio.sleep(0.1)
        asked.hang_up()

    async with engine_at(dies, steady) as (engine, first, second):
        run = Run(Tools(a=echo))
        text = await run.go(engine)
        assert "\n\nThe answer is " in run.items, "no token reached us"
        assert text == 'I look it up.\n\nThe steady one says: tool: echo {"x": 1}'
        [withdrawn] = run.events("fallback")
        assert withdrawn.model == "compatible:second"
        assert run.items.index("\n\nThe answer is ") < run.items.index(withdrawn)
        assert run.tools.calls == [("a", '{"x": 1}')]
        assert (len(first.asked), len(second.asked)) == (2, 1)
        # The next model gets the same request, without the part that nobody finished.
        assert second.asked[0].body["messages"] == first.asked[1].body["messages"]
        assert "The answer is" not in b"".join(run.notes.kept).decode()
        assert [usage.estimated for usage in run.notes.used] == [False, True, False]


async def test_without_a_fallback_the_same_model_is_asked_again():
    async def dies_once(asked: Asked) -> None:
        await asked.say("one ")
        await asyncio.sleep(0.05)
        if len(endpoint.asked) == 1:
            asked.hang_up()
        await asked.say("two")
        await asked.end()

    async with engine_at(dies_once) as (engine, endpoint, _):
        run = Run()
        assert await run.go(engine) == "one two"
        assert [event.kind for event in run.events()] == ["fallback", "retry", "usage"]


async def test_a_dead_provider_and_no_way_on_is_an_error_and_no_answer(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("chatixia.agent.model.retries.FIRST_WAIT", 0.01)

    async def dies(asked: Asked) -> None:
        await asked.say("half an ")
        await asyncio.sleep(0.02)
        asked.hang_up()

    async with engine_at(dies) as (engine, endpoint, _):
        run = Run()
        with pytest.raises(ModelFailed, match="broke off"):
            await run.go(engine)
        assert len(endpoint.asked) == 4
        assert len(run.notes.kept) == 1  # the prompt alone


@pytest.mark.parametrize("after", [0, 2])
async def test_silence_leads_to_the_next_model(after: int):
    async def silent(asked: Asked) -> None:
        for _ in range(after):
            await asked.say("hm ")
        await asyncio.Event().wait()

    async with engine_at(silent, steady, first_byte=0.3, silence=0.3) as (engine, first, second):
        run = Run()
        text = await run.go(engine, seconds=30)
        assert text.startswith("The steady one says")
        assert "sent nothing for 0.3 s" in run.events("fallback")[0].text
        assert len(first.asked) == (1 if after else 4) and len(second.asked) == 1
        assert first.asked[-1].left.is_set()


def limited(seconds: str, times: int) -> Callable[[Asked], object]:
    async def play(asked: Asked) -> None:
        play.count += 1  # type: ignore[attr-defined]
        if play.count <= times:  # type: ignore[attr-defined]
            await asked.refuse(429, "what the provider wrote", Retry_After=seconds)
        else:
            await steady(asked)

    play.count = 0  # type: ignore[attr-defined]
    return play


async def test_retry_after_is_waited_for():
    async with engine_at(limited("1", 1)) as (engine, endpoint, _):  # type: ignore[arg-type]
        run = Run()
        begun = time.monotonic()
        assert (await run.go(engine)).startswith("The steady one says")
        assert 1.0 <= time.monotonic() - begun < 10
        [event] = run.events("retry")
        assert event.ms == 1000 and "takes no more requests" in event.text
        assert len(endpoint.asked) == 2
        assert [u.input_tokens for u in run.notes.used] == [0, 10]


async def test_a_retry_after_beyond_the_deadline_goes_to_the_fallback():
    async with engine_at(limited("20", 9), steady) as (engine, first, second):  # type: ignore[arg-type]
        run = Run()
        begun = time.monotonic()
        await run.go(engine, seconds=15)
        assert time.monotonic() - begun < 5
        assert (len(first.asked), len(second.asked)) == (1, 1)
        assert run.events("fallback") and not run.events("retry")


async def test_what_a_provider_writes_goes_no_further():
    async def refuses(asked: Asked) -> None:
        await asked.refuse(401, "your key is hunter2")

    async with engine_at(refuses) as (engine, _, __):
        run = Run()
        with pytest.raises(ModelFailed) as caught:
            await run.go(engine)
        assert "hunter2" not in f"{caught.value}{run.items}"
        assert "COMPATIBLE_API_KEY" in str(caught.value)


async def test_an_answer_that_was_cut_off_is_none():
    async def long(asked: Asked) -> None:
        await asked.say("Once upon a")
        await asked.end("length")

    async with engine_at(long) as (engine, _, __):
        with pytest.raises(ModelFailed, match="cut off"):
            await Run().go(engine)
