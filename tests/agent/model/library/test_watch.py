"""Silence ends a request; a byte that says nothing is a sign of life."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.library.watch import SilenceWatch, client
from chatixia.errors import ModelFailed
from chatixia.world import REAL

AT = Endpoint("openai", "m")


async def test_silence_before_and_after_the_first_byte():
    with pytest.raises(ModelFailed, match=r"sent nothing for 0\.05 s"):
        async with SilenceWatch(AT, 0.05, 9, REAL):
            await asyncio.Event().wait()
    with pytest.raises(ModelFailed, match=r"sent nothing for 0\.1 s"):
        async with SilenceWatch(AT, 9, 0.1, REAL) as watch:
            watch.alive()
            await asyncio.Event().wait()


async def test_what_the_asker_takes_does_not_count():
    async with SilenceWatch(AT, 0.05, 0.05, REAL) as watch:
        watch.hold()
        watch.alive()
        await asyncio.sleep(0.2)
        watch.go_on()


async def test_another_time_out_is_no_silence():
    with pytest.raises(TimeoutError):
        async with SilenceWatch(AT, 9, 9, REAL):
            raise TimeoutError


async def test_each_byte_counts_whatever_it_says():
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for _ in range(18):
            writer.write(b": ping\n\n")
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, client() as http:
        async with SilenceWatch(AT, 1, 1, REAL):
            async with http.stream("GET", f"http://127.0.0.1:{port}/") as response:
                assert await response.aread() == b": ping\n\n" * 18
        assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 200
    assert isinstance(response, httpx2.Response)
