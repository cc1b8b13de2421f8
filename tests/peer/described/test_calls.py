"""Calls with described peers: one message asks, one answers, and nothing is believed beside."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from chatixia.core.ports import Incoming, Outgoing, Responder
from chatixia.errors import (
    BadArguments,
    DeadlineExceeded,
    HopLimit,
    SkillFailed,
    TooLarge,
    UnknownSkill,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.peer.described import links
from tests.peer.described.pair import End, Pair, connected
from tests.until import until

B = AgentId("b")


def served(end: End, answer: Any = None) -> list[Incoming]:
    """Serve at ``end`` with ``answer``, or with the error that it is."""
    seen: list[Incoming] = []

    async def handle(incoming: Incoming, responder: Responder) -> None:
        seen.append(incoming)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        responder.reply(json.dumps(answer).encode())

    end.calls.handler = handle
    return seen


def task(**more: Any) -> Outgoing:
    return Outgoing(B, "add", b'{"a":1}', **{"timeout": 10.0, **more})


async def test_a_call_and_its_answer():
    async with Pair() as (a, b):
        await connected(a, b)
        seen = served(b, {"n": 2})
        answer = await a.calls.call(task(path=("owner",)))
        assert answer is not None and json.loads(answer.value) == {"n": 2}
        assert answer.via == "direct, unverified"
        [incoming] = seen
        assert (incoming.caller, incoming.path, incoming.skill) == ("a", ("a",), "add")
        assert incoming.via == "direct, unverified" and incoming.holder == "@a"
        assert json.loads(bytes(incoming.body)) == {"a": 1}
        pong = await a.calls.ping(B, 5)
        assert pong is not None and pong.ms > 0
        assert not a.calls.waiting and not b.calls.tasks


async def test_what_the_other_side_says_went_wrong():
    async with Pair() as (a, b):
        await connected(a, b)
        served(b, SkillFailed("broken"))
        with pytest.raises(SkillFailed, match="broken") as failed:
            await a.calls.call(task())
        assert failed.value.agent == "b"
        served(b, UnknownSkill())
        with pytest.raises(UnknownSkill, match="unknown skill: add"):
            await a.calls.call(task())
        served(b, RuntimeError("secret"))
        with pytest.raises(SkillFailed) as hidden:
            await a.calls.call(task())
        assert "secret" not in str(hidden.value)
        served(b, "x" * 70_000)
        with pytest.raises(SkillFailed, match="65536"):
            await a.calls.call(task())
        served(b, 60.0)
        with pytest.raises(DeadlineExceeded) as late:
            await a.calls.call(task(timeout=0.2))
        assert late.value.outcome == "unknown"


async def test_what_no_described_link_carries():
    async with Pair() as (a, b):
        assert await a.calls.call(task()) is None and await a.calls.ping(B, 1) is None
        await connected(a, b)
        large = Outgoing(B, "add", json.dumps({"a": "x" * 70_000}).encode())
        assert await a.calls.call(large) is None  # the queue's turn
        large.queue = "never"
        with pytest.raises(TooLarge):
            await a.calls.call(large)
        assert await a.calls.call(task(queue="only")) is None
        with pytest.raises(HopLimit):
            await a.calls.call(task(path=tuple("abcdefgh")))
        with pytest.raises(BadArguments):
            await a.calls.call(Outgoing(B, "add", b'{"skill":1}'))


async def test_a_lost_link_ends_what_is_open_at_both_ends():
    async with Pair() as (a, b):
        await connected(a, b)
        served(b, 60.0)
        asked = asyncio.ensure_future(a.calls.call(task()))
        await until(lambda: b.calls.tasks)
        b.links.cut("a", Unreachable("gone"))
        with pytest.raises(Unreachable) as lost:
            await asked
        assert lost.value.outcome == "unknown"
        await until(lambda: not b.calls.tasks)


async def test_bounds_hold_for_each_peer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(links, "FAULTS", 2)
    async with Pair() as (a, b):
        await connected(a, b)
        served(b, 60.0)
        monkeypatch.setattr("chatixia.core.budget.MAX_RUNNING", 1)
        asked = asyncio.ensure_future(a.calls.call(task(key="one")))
        await until(lambda: b.calls.tasks)
        a.links.send("b", json.dumps({"type": "task_request", "request_id": "one"}))  # again
        with pytest.raises(SkillFailed, match="busy|many|room|later"):
            await a.calls.call(task(key="two"))
        assert len(b.calls.tasks) == 1
        asked.cancel()
        for _ in range(3):
            a.links.send("b", "junk")
        await until(lambda: not b.links.open_names())


async def test_a_stop_says_so_and_takes_no_more():
    async with Pair() as (a, b):
        await connected(a, b)
        served(b, 60.0)
        asked = asyncio.ensure_future(a.calls.call(task()))
        await until(lambda: b.calls.tasks)
        b.calls.stopping = True
        with pytest.raises(SkillFailed, match="stop"):
            await a.calls.call(task())
        await b.calls.stop()
        with pytest.raises((SkillFailed, Unreachable)):
            await asked
