"""A server over HTTP: reached with its token alone, and bounded like any other."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.errors import MeshError
from chatixia.gateway.mcp.attached import ServerSpec
from chatixia.gateway.mcp.flood import MAX_MESSAGE
from tests.gateway.mcp.gate import gate
from tests.gateway.mcp.test_attached import server
from tests.gateway.mcp.test_http import TOKENS, served
from tests.until import until


def at(url: str, token: str = TOKENS["desk"]) -> ServerSpec:
    return ServerSpec("far", url=url, headers={"Authorization": f"Bearer {token}"}, timeout=5)


async def test_our_own_gateway_as_a_server():
    async with gate() as made, served(made) as url, server(at(url)) as far:
        assert "weather-_forecast" in far.tools
        answer = await far.call("weather-_forecast", {"city": "Oslo"}, 5)
        assert answer.value == {"city": "Oslo", "days": 1}
        made.serve("bus", made.forecast)
        made.gateway.catalog.changed("bus")
        await until(lambda: "bus-_forecast" in far.tools)


async def test_a_wrong_token_is_a_sentence():
    async with gate() as made, served(made) as url, server(at(url, "x" * 40)) as far:
        assert far.problem
        assert "x" * 40 not in far.problem


async def test_a_body_without_end_and_a_redirect():
    seen: list[bytes] = []

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % (100 << 20))
        try:
            for _ in range(100):
                writer.write(b" " * (1 << 20))
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n"
        writer.write(head % port)
        writer.close()

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as door:
        port = door.sockets[0].getsockname()[1]
        async with server(at(f"http://127.0.0.1:{port}/mcp")) as far:
            assert str(MAX_MESSAGE) in far.problem or "bytes a second" in far.problem
        seen.clear()
        async with await asyncio.start_server(elsewhere, "127.0.0.1", 0) as other:
            place = other.sockets[0].getsockname()[1]
            async with server(at(f"http://127.0.0.1:{place}/mcp")) as far:
                with pytest.raises(MeshError):
                    await far.call("add", {}, 0.2)
        assert not seen
