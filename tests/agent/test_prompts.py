"""Free text: answered by the handler, kept without one, refused where nobody listens."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from chatixia.agent.context import Ctx
from chatixia.agent.inbox import Inbox
from chatixia.agent.prompts import PromptService
from chatixia.core.ports import Outgoing
from chatixia.errors import BadArguments, ConfigError, SkillFailed, UnknownSkill
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def plain(text, ctx) -> str:
    return f"{ctx.caller}: {text}"


async def alone(text: str) -> str:
    return f"me~abcdef: {text}"


def threaded(text: str, ctx: Ctx) -> str:
    return f"{ctx.caller}: {text}"


async def pieces(text: str, ctx: Ctx) -> AsyncIterator[str]:
    for part in (ctx.caller, ": ", text):
        yield part


def slowly(text: str, ctx: Ctx) -> Iterator[str]:
    yield ctx.caller
    yield f": {text}"


@pytest.mark.parametrize("prompt", [plain, alone, threaded, pieces, slowly])
async def test_an_answer_whole_and_in_pieces(prompt: Any):
    net = Net()
    served = Served(net, "a", prompt=prompt)
    there = client(net).agent("a")
    assert await there.ask("hi") == "me~abcdef: hi"
    async with there.ask("hi") as said:
        assert "".join([piece async for piece in said]) == "me~abcdef: hi"
    assert len(served.inbox) == 0
    served.close()


async def test_nobody_listens():
    net = Net()
    served = Served(net, "a")
    with pytest.raises(UnknownSkill, match="a answers no free text"):
        await client(net).agent("a").ask("hi")
    served.close()


@pytest.mark.parametrize("broadcast", [False, True])
async def test_a_message_is_kept_without_a_handler(broadcast: bool):
    net = Net()
    served = Served(net, "a")
    assert await client(net).agent("a").tell("hi", broadcast=broadcast) == ""
    (message,) = served.inbox
    assert (message.caller, message.text, message.via) == ("me~abcdef", "hi", "direct")
    assert message.broadcast is broadcast
    served.close()


async def test_a_message_is_answered_and_kept_with_one():
    net = Net()
    served = Served(net, "a", prompt=plain)
    assert await client(net).agent("a").tell("hi") == "me~abcdef: hi"
    assert len(served.inbox) == 1
    served.close()


async def test_without_waiting_it_is_only_confirmed():
    heard, go = asyncio.Event(), asyncio.Event()

    async def slow(text: str) -> str:
        await go.wait()
        heard.set()
        raise ValueError("nobody hears")

    net = Net()
    served = Served(net, "a", prompt=slow)
    port = net.port("c")
    _, task = port._start(Outgoing("a", "", b'{"message":"hi","direct":true,"ack":true}', "prompt"))
    assert await asyncio.wait_for(net.responders[0].done, 5) == b'""'
    go.set()
    await asyncio.wait_for(heard.wait(), 5)
    await task
    served.close()


async def test_a_task_without_a_skill_is_a_prompt():
    net = Net()
    served = Served(net, "a", prompt=alone)
    port = net.port("me~abcdef")
    for body in (b'"hi"', b'{"message":"hi"}', b'{"text":"hi"}'):
        assert (await port.call(Outgoing("a", "", body))).value == b'"me~abcdef: hi"'
    with pytest.raises(BadArguments, match="a text in `message`"):
        await port.call(Outgoing("a", "", b"[1]"))
    served.close()


async def test_a_handler_that_breaks():
    async def broken(text: str) -> str:
        raise ValueError(text)

    net = Net()
    served = Served(net, "a", prompt=broken)
    with pytest.raises(SkillFailed, match="prompt of a failed with ValueError; see the"):
        await client(net).agent("a").ask("hi")
    served.close()


def lines(text: str) -> Iterator[str]:
    yield from text.split()


async def shouting(text: str) -> str:
    return text.upper()


@pytest.mark.parametrize(("fn", "answer"), [(lines, "aB"), (shouting, "A B")])
async def test_a_handler_behind_a_wrapper_runs_as_the_wrapper_does(fn: Any, answer: str):
    @functools.wraps(fn)
    def handler(text: str) -> Any:
        return fn(text)

    net = Net()
    served = Served(net, "a", prompt=handler)
    assert await client(net).agent("a").ask("a B") == answer
    served.close()


@pytest.mark.parametrize("bad", [lambda: "", lambda a, b, c: ""])
def test_handlers_take_text_and_ctx(bad: Any):
    with pytest.raises(ConfigError, match="text"):
        PromptService("a", Inbox()).set_handler(bad)
