"""A login in doubt answers within three seconds, or is cut."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from chatixia.peer.control import liveness
from chatixia.peer.control.liveness import LoginLiveness


async def test_one_that_answers_lives_on():
    async with serve(lambda ws: ws.wait_closed(), "127.0.0.1", 0) as server:
        async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as ws:
            login = LoginLiveness()
            login.doubt()  # none stands
            login.begin(ws)
            login.doubt()
            login.doubt()
            assert len(login._tasks) == 1
            async with asyncio.timeout(5):
                while login._tasks:
                    await asyncio.sleep(0)
            assert ws.state.name == "OPEN"
            await login.end()


async def test_one_that_is_silent_is_cut(monkeypatch):
    monkeypatch.setattr(liveness, "DOUBT_SECONDS", 0.05)
    async with serve(lambda ws: ws.wait_closed(), "127.0.0.1", 0) as server:
        async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as ws:
            for connection in server.connections:
                connection.transport.pause_reading()
            login = LoginLiveness()
            login.begin(ws)
            login.doubt()
            await asyncio.wait_for(ws.wait_closed(), 5)
            await login.end()
