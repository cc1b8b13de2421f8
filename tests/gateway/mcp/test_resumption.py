"""What a host that comes back is sent: the rest of its own stream, and within bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types as types
import pytest

from chatixia.gateway.mcp import resumption
from chatixia.gateway.mcp.resumption import CredentialEvents, SessionEvents


def answer(text: str, number: int = 1) -> types.JSONRPCResponse:
    return types.JSONRPCResponse(jsonrpc="2.0", id=number, result={"text": [text]})


def news(number: int) -> types.JSONRPCNotification:
    return types.JSONRPCNotification(jsonrpc="2.0", method="n", params={"n": number})


class Reader:
    """A host that comes back after an event."""

    def __init__(self, events: SessionEvents, last: str) -> None:
        self.read: list[Any] = []
        self.came = asyncio.Event()
        self.work = asyncio.ensure_future(events.replay_events_after(last, self._take))

    async def _take(self, event: Any) -> None:
        self.read.append(event.message)
        self.came.set()

    async def ends(self) -> list[Any]:
        await asyncio.wait_for(self.work, 5)
        return self.read


async def test_what_came_since_and_what_comes_until_the_answer():
    events = SessionEvents(CredentialEvents())
    first = await events.store_event("7", None)
    seen = await events.store_event("7", news(1))
    await events.store_event("7", news(2))
    await events.store_event("8", news(3))
    reader = Reader(events, seen)
    await reader.came.wait()
    assert not reader.work.done()
    await events.store_event("7", answer("x"))
    assert await reader.ends() == [news(2), answer("x")]
    assert await Reader(events, first).ends() == [news(1), news(2), answer("x")]


async def test_a_connection_reads_its_own_alone():
    shared = CredentialEvents()
    one, other = SessionEvents(shared), SessionEvents(shared)
    begun = await one.store_event("7", None)
    await one.store_event("7", answer("x"))
    assert await Reader(other, begun).ends() == []
    assert await Reader(SessionEvents(CredentialEvents()), begun).ends() == []
    one.close()
    assert await Reader(one, begun).ends() == []


@pytest.mark.parametrize("last", ["", "-", "1", "x-1", "1-x", "9-1", "1--1", "1" * 5000])
async def test_an_event_that_never_was_gives_nothing(last: str):
    events = SessionEvents(CredentialEvents())
    await events.store_event("7", answer("x"))
    assert await Reader(events, last).ends() in ([], [answer("x")])


async def test_a_request_number_that_is_used_again_is_another_stream():
    events = SessionEvents(CredentialEvents())
    old = await events.store_event("7", None)
    await events.store_event("7", answer("x"))
    new = await events.store_event("7", None)
    await events.store_event("7", answer("y"))
    assert await Reader(events, old).ends() == []
    assert await Reader(events, new).ends() == [answer("y")]


async def test_the_reader_that_came_last_is_the_one():
    events = SessionEvents(CredentialEvents())
    begun = await events.store_event("7", None)
    gone = Reader(events, begun)
    await asyncio.sleep(0)
    reader = Reader(events, begun)
    assert await gone.ends() == []
    await events.store_event("7", answer("x"))
    assert await reader.ends() == [answer("x")]


async def test_a_stream_lasts_no_longer_than_was_said():
    events = SessionEvents(CredentialEvents(), poll=0.01)
    begun = await events.store_event("7", None)
    assert await Reader(events, begun).ends() == []
    await events.store_event("7", answer("x"))
    assert await Reader(events, begun).ends() == [answer("x")]


async def test_the_first_answer_says_the_version():
    events = SessionEvents(CredentialEvents())
    agreed = types.JSONRPCResponse(jsonrpc="2.0", id=0, result={"protocolVersion": "2025-06-18"})
    await events.store_event("0", agreed)
    await events.store_event("1", answer("x"))
    assert events.version == "2025-06-18"


async def test_old_answers_go_before_running_streams(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resumption, "MOST_BYTES", 1000)
    shared = CredentialEvents()
    events = SessionEvents(shared)
    running = await events.store_event("1", None)
    old = await events.store_event("2", None)
    await events.store_event("2", answer("x" * 600, 2))
    new = await events.store_event("3", None)
    await events.store_event("3", answer("y" * 600, 3))
    assert await Reader(events, old).ends() == []
    assert await Reader(events, new).ends() == [answer("y" * 600, 3)]
    await events.store_event("1", answer("z"))
    assert await Reader(events, running).ends() == [answer("z")]
    assert shared._bytes <= 1000
    events.close()
    assert (shared._bytes, len(shared._streams), events.streams) == (0, 0, {})


async def test_a_reader_is_given_what_is_too_large_to_stay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resumption, "MOST_BYTES", 100)
    shared = CredentialEvents()
    events = SessionEvents(shared)
    reader = Reader(events, await events.store_event("1", None))
    await asyncio.sleep(0)
    await events.store_event("1", answer("x" * 600))
    assert await reader.ends() == [answer("x" * 600)]
    assert shared._bytes == 0


async def test_streams_and_their_events_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resumption, "MOST_STREAMS", 4)
    monkeypatch.setattr(resumption, "MOST_EVENTS", 8)
    shared = CredentialEvents()
    events = SessionEvents(shared)
    for number in range(20):
        await events.store_event(str(number), None)
    assert len(shared._streams) == len(events.streams) == 4
    for number in range(20):
        await events.store_event("19", news(number))
    assert len(events.streams["19"].events) == 8
    assert shared._bytes == 8 * 17 + 3 * 8
