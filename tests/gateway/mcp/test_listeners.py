"""Who is told of changes: each connection once, and nobody who takes it no more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from chatixia.gateway.mcp import listeners
from chatixia.gateway.mcp.listeners import MOST_CONNECTIONS, ChangeListeners
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
        made.changed()
        made.changed()
        await until(lambda: len(made._sessions) == 2)
        await until(lambda: len(good.told) == 3)
        assert (first.told, len(again.told), len(good.told)) == ([], 3, 3)
        made.changed()
        await until(lambda: len(good.told) == 6)
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def test_connections_are_bounded():
    made = ChangeListeners()
    for _ in range(MOST_CONNECTIONS + 5):
        await join(made, Session(object()))
    assert len(made._sessions) == MOST_CONNECTIONS
