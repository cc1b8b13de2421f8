"""A response is counted however it ends, and the text that is withdrawn comes again."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from chatixia.agent.model.endpoints import MAX_ANSWER
from chatixia.agent.model.engine import LibraryEngine
from chatixia.agent.model.words import ModelSpec, ScriptCall, ScriptTurn
from chatixia.errors import BudgetExceeded, ModelFailed
from tests.agent.model.runs import Run, Tools, echo, scripted, steps


async def test_nothing_for_too_long_is_a_failure_after_three_retries(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("chatixia.agent.model.retries.FIRST_WAIT", 0.001)
    asked = 0

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()
        yield ""

    engine = scripted(script, first_byte=0.05)
    run = Run()
    with pytest.raises(ModelFailed, match=r"sent nothing for 0\.05 s"):
        await run.go(engine)
    assert asked == 4
    assert [event.kind for event in run.events()] == ["retry"] * 3 + ["usage"]
    assert len(run.notes.used) == 4 and all(usage.estimated for usage in run.notes.used)
    await engine.close()


async def test_text_of_finished_responses_comes_again_after_a_withdrawal():
    asked = 0

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        nonlocal asked
        asked += 1
        if asked == 1:
            yield "First."
            yield ScriptCall("a")
        elif asked == 2:
            yield "Second, which is lost"
            await asyncio.Event().wait()
        else:
            yield "Third."

    engine = scripted(script, silence=0.5)
    run = Run(Tools(a=echo))
    assert await run.go(engine) == "First.\n\nThird."
    assert "\n\nSecond, which is lost" in run.items
    assert len(run.tools.calls) == 1
    await engine.close()


async def test_an_asker_that_takes_its_time_is_no_silence():
    engine = scripted(steps([str(n) for n in range(600)]), silence=0.5, first_byte=0.5)
    run = Run()
    async for item in engine.run(run.request()):
        run.items.append(item)
        if len(run.items) == 1:
            await asyncio.sleep(1.0)  # until the way over is full
    assert run.text == "".join(map(str, range(600)))
    await engine.close()


async def test_an_answer_without_end_is_ended_here():
    piece = "y" * 100_000
    engine = scripted(steps([piece] * 50))
    run = Run()
    with pytest.raises(ModelFailed, match="has more than 4194304 characters"):
        await run.go(engine)
    assert len(run.text) <= MAX_ANSWER + len(piece)
    await engine.close()


async def test_more_tools_at_once_than_anybody_needs_do_not_run():
    engine = scripted(steps([ScriptCall("a") for _ in range(129)]))
    run = Run(Tools(a=echo))
    with pytest.raises(ModelFailed, match="called more than 128 tools at once"):
        await run.go(engine)
    assert not run.tools.calls
    await engine.close()


END = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
SAID = [{"index": 0, "delta": {"content": "half an answer"}}]


def sse(*chunks: object) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def chunk(choices: object) -> object:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"} | {
        "choices": choices
    }


@asynccontextmanager
async def endpoint(body: bytes, *, head: str = "") -> AsyncGenerator[LibraryEngine]:
    """A model behind a server that answers with ``body`` and closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        # All of it: a line that is closed with something unread is reset, with what was answered.
        length = re.search(rb"(?i)content-length: (\d+)", asked)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{head}\r\n".encode())
        writer.write(body)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    engine = LibraryEngine(ModelSpec("compatible", "m", url), {})
    async with server:
        yield engine
        await engine.close()


@pytest.mark.parametrize(
    "body", [sse(chunk(SAID), chunk(END)), sse(chunk(SAID)) + b"data: [DONE]\n\n"]
)
async def test_an_answer_that_says_its_end_is_one(body: bytes):
    async with endpoint(body) as engine:
        assert await Run().go(engine) == "half an answer"


async def test_a_connection_that_closes_within_an_answer_is_no_end(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("chatixia.agent.model.retries.FIRST_WAIT", 0.001)
    run = Run()
    async with endpoint(sse(chunk(SAID))) as engine:
        with pytest.raises(ModelFailed, match="broke off"):
            await run.go(engine)
    assert [event.kind for event in run.events("retry")] == ["retry"] * 3


@pytest.mark.parametrize(
    "body",
    [sse([1, 2]), sse(None), sse({"choices": 5}), b"data: {\n\n", b"data: \xff\n\n"],
    ids=["a list", "null", "a number", "no JSON", "no text"],
)
async def test_what_is_no_answer_at_all_is_a_failure_of_the_model(
    body: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chatixia.agent.model.retries.FIRST_WAIT", 0.001)
    run = Run()
    async with endpoint(body) as engine:
        with pytest.raises(ModelFailed, match="cannot be used"):
            await run.go(engine)
    assert len(run.events("retry")) == 3


async def test_a_provider_that_fails_in_mid_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chatixia.agent.model.retries.FIRST_WAIT", 0.001)
    run = Run()
    async with endpoint(sse(chunk(SAID), {"error": {"message": "sk-secret"}})) as engine:
        with pytest.raises(ModelFailed, match="failed in mid-answer"):
            await run.go(engine)
    assert len(run.events("retry")) == 3
    assert "sk-secret" not in repr(run.items)


async def test_more_bytes_than_a_response_may_have_end_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chatixia.agent.model.library.watch.MAX_RESPONSE", 1_000_000)
    async with endpoint(b"data: " + b"x" * 2_000_000) as engine:
        with pytest.raises(ModelFailed, match="sent more than 1000000 bytes"):
            await Run().go(engine)


async def test_what_is_compressed_is_not_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chatixia.agent.model.retries.FIRST_WAIT", 0.001)
    body = gzip.compress(b": " + b"x" * 50_000_000)
    async with endpoint(body, head="Content-Encoding: gzip\r\n") as engine:
        with pytest.raises(ModelFailed):
            await Run().go(engine)


async def test_calls_that_a_provider_counts_anew_are_told_apart():
    function = {"name": "a", "arguments": "{}"}
    calls = [{"index": n, "id": "call_0", "type": "function", "function": function} for n in (0, 1)]
    called = [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]
    run = Run(Tools(a=echo))
    async with endpoint(sse(chunk(called))) as engine:
        with pytest.raises(BudgetExceeded):
            await run.go(engine, max_turns=3)
    began = [event.id for event in run.events("tool_began")]
    assert (len(began), len(set(began))) == (6, 6)
    ended = {event.id for event in run.events("tool_ended") if event.ok}
    assert ended == set(began)
