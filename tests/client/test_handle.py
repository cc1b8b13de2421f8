"""Handles: skills as methods, options apart from arguments."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chatixia.errors import BadArguments, ConfigError, DeadlineExceeded, UnknownAgent
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def echo(data: Any = None, self: Any = None, timeout: Any = None) -> Any:
    return [data, self, timeout]


async def forever() -> None:
    await asyncio.Event().wait()


async def words() -> AsyncIterator[str]:
    yield "a"
    yield "b"


async def reply(text: str) -> AsyncIterator[str]:
    yield text
    yield "!"


@pytest.fixture
def net():
    made = Net()
    served = Served(made, "a", echo, forever, words, prompt=reply)
    yield made
    served.close()


async def test_keywords_belong_to_the_skill_alone(net: Net):
    there = client(net).agent("a", timeout=7)
    assert await there.echo(data=1, self=2, timeout=3) == [1, 2, 3]
    (_, out) = net.log[-1]
    assert (out.timeout, out.skill, out.kind, out.queue) == (7, "echo", "task", "auto")
    with pytest.raises(TypeError, match=r"echo takes its arguments by name: echo\(name"):
        await there.echo(1)  # type: ignore[arg-type]


async def test_a_reply_tells_how_it_came(net: Net):
    reply = await client(net).agent("a").call("echo", {"data": {"x": 1}})
    assert (reply.value, reply.via, reply.agent) == ([{"x": 1}, None, None], "direct", "a")
    assert reply.value[0].x == 1
    assert reply.ms >= 0


async def test_a_timeout_is_a_deadline(net: Net):
    with pytest.raises(TimeoutError) as caught:
        await client(net).agent("a", timeout=0.01).forever()
    assert isinstance(caught.value, DeadlineExceeded)


async def test_streams_and_questions(net: Net):
    there = client(net).agent("a")
    async with there.stream("words") as items:
        assert [w async for w in items] == ["a", "b"]
    assert [w async for w in there.stream("words")] == ["a", "b"]
    assert await there.ask("hi") == "hi!"
    assert (await there.ask("hi").reply()).via == "direct"
    async with there.ask("hi") as pieces:
        assert [p async for p in pieces] == ["hi", "!"]


@pytest.mark.parametrize("name", ["", "No", "a b", "registry", "x" * 64])
def test_names_that_can_be_nobodys(net: Net, name: str):
    with pytest.raises(UnknownAgent):
        client(net).agent(name)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"queue": "bogus"}, "queue must be one of auto, never, only, not 'bogus'"),
        ({"queue": None}, "queue must be one of"),
        ({"timeout": None}, "timeout must be seconds.*not None"),
        ({"timeout": "5"}, "timeout must be seconds"),
    ],
)
def test_options_that_there_are_not(net: Net, options: dict[str, Any], says: str):
    for handle in (client(net).agent, client(net).any):
        with pytest.raises(ConfigError, match=says):
            handle("a", **options)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e9])
def test_timeouts_that_cannot_be_kept(net: Net, timeout: float):
    with pytest.raises(BadArguments, match="timeout"):
        client(net).agent("a", timeout=timeout)


def test_handles_are_ordinary_objects(net: Net):
    there = client(net).agent("a")
    assert repr(there) == "<agent a>"
    assert there.echo is there.echo
    assert copy.copy(there).name == "a"
    with pytest.raises(AttributeError, match=r"use .call\('_x', ...\)"):
        _ = there._x


async def test_a_replys_time_runs_from_call_to_answer(net: Net):
    """Whatever the tier measured: what it took before, and tries that failed, are in it."""
    mesh = client(net)
    for handle in (mesh.agent("a"), mesh.agent("a", idempotent=True), mesh.any("echo")):
        call = mesh._context.call
        try:
            mesh._context.call = late(call)
            reply = await handle.call("echo", {"data": 1})
        finally:
            mesh._context.call = call
        assert reply.ms >= 50 and (reply.why, reply.tried_ms) == ("no direct path", 40.0)
    mesh._context.call = late(call)
    assert (await mesh.agent("a").ask("hi").reply()).ms >= 50


def late(call):
    """A port that takes its time before it measures, as one that waits for a link."""

    async def later(out):
        await asyncio.sleep(0.05)
        answer = await call(out)
        answer.reason, answer.tried_ms = "no direct path", 40.0
        return answer

    return later


async def test_a_word_for_a_run_is_taken_only_where_one_is_under_way(net: Net):
    there = client(net).agent("a")
    assert not await there.steer("shorter", session_id="s")
    assert '"steer":true' in net.log[-1][1].body.decode()
    served = Served(net, "b", prompt=lambda text: "an agent of before answers")
    assert not await client(net).agent("b").steer("shorter", session_id="s")
    served.close()
