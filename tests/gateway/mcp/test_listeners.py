"""Who is told of changes: each connection once, and nobody who takes it no more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from chatixia.errors import Overloaded
from chatixia.gateway.mcp import listeners
from chatixia.gateway.mcp.listeners import (
    MOST_CONNECTIONS,
    MOST_WATCHED,
    ChangeListeners,
)
from chatixia.gateway.mcp.resource_store import MAX_URI
from tests.until import until


class Session:
    def __init__(self, params: object, fails: bool = False, hangs: bool = False) -> None:
        self.client_params, self.fails, self.hangs = params, fails, hangs
        self.told: list[str] = []

    async def _tell(self, what: str) -> None:
        if self.fails:
            raise BrokenPipeError
        if self.hangs:
            await asyncio.Event().wait()
        self.told.append(what)

    async def send_tool_list_changed(self) -> None:
        await self._tell("tools")

    async def send_resource_list_changed(self) -> None:
        await self._tell("resources")

    async def send_prompt_list_changed(self) -> None:
        await self._tell("prompts")

    async def send_resource_updated(self, uri: str) -> None:
        await self._tell(uri)


async def join(made: ChangeListeners, session: Session) -> None:
    await made.initialized(SimpleNamespace(session=session), None)


async def test_each_connection_is_told_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listeners, "TELL_S", 0.05)
    made = ChangeListeners()
    params = object()
    first, again = Session(params), Session(params)
    good, gone, stuck = Session(object()), Session(object(), True), Session(object(), hangs=True)
    for session in (first, again, good, gone, stuck, Session(None)):
        await join(made, session)
    telling = asyncio.ensure_future(made.tell())
    try:
        made.changed([])
        made.changed([])
        await until(lambda: len(made._connections) == 2)
        await until(lambda: len(good.told) == 3)
        assert (first.told, len(again.told), len(good.told)) == ([], 3, 3)
        made.changed([])
        await until(lambda: len(good.told) == 6)
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def test_connections_are_bounded():
    made = ChangeListeners()
    for _ in range(MOST_CONNECTIONS + 5):
        await join(made, Session(object()))
    assert len(made._connections) == MOST_CONNECTIONS


async def test_a_connection_is_told_of_what_it_watches_and_no_more():
    made, watches, other = ChangeListeners(), Session(object()), Session(object())
    for session in (watches, other):
        await join(made, session)
    card, health = "mesh://agents/a/card", "mesh://agents/a/health"
    for uri in (card, health, "mesh://agents/b/card"):
        made.watch(watches, uri)
    made.leave(watches, card)
    telling = asyncio.ensure_future(made.tell())
    try:
        made.changed(["a"])
        await until(lambda: len(watches.told) == 4 and len(other.told) == 3)
        assert watches.told == [*other.told, health]
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def test_what_is_watched_is_bounded():
    made, session = ChangeListeners(), Session(object())
    with pytest.raises(Overloaded):
        made.watch(session, "x" * (MAX_URI + 1))
    for number in range(MOST_WATCHED):
        made.watch(session, str(number))
    with pytest.raises(Overloaded):
        made.watch(session, "one more")
    made.watch(Session(None), "a host that is told otherwise")
    assert len(made._connections) == 1
