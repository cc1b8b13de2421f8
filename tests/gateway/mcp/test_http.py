"""The gateway over HTTP, by the library's client: both eras, and each credential for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from chatixia.gateway.mcp import http as gateway_http
from chatixia.gateway.mcp.http import application
from tests.gateway.mcp.gate import ERAS, HELLO, Gate, gate, text_of
from tests.until import until

TOKENS = {"desk": "d" * 40, "other": "o" * 40}


class Quiet(uvicorn.Server):
    def capture_signals(self) -> Any:
        return nullcontext()


@asynccontextmanager
async def served(made: Gate) -> AsyncIterator[str]:
    """The application on a port of its own."""
    async with application(made.gateway.server, {"127.0.0.1"}, lambda: TOKENS) as app:
        config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, ws="none")
        config.timeout_graceful_shutdown = 1
        server = Quiet(config)
        serving = asyncio.ensure_future(server.serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def host(url: str, era: str, token: str = TOKENS["desk"]) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=era) as client:
            yield client


@pytest.mark.parametrize("era", ERAS)
async def test_a_credential_is_the_caller(era: str):
    async with gate(name="nobody") as made, served(made) as url, host(url, era) as client:
        done = await client.call_tool("weather-_forecast", {"city": "Oslo"})
        assert done.structured_content == {"city": "Oslo", "days": 1}
        assert made.paths == [("mcp:desk", "gate~abcdef")]


async def test_what_is_kept_for_one_is_not_read_by_another():
    async with gate() as made, served(made) as url:
        async with host(url, "auto") as client, host(url, "auto", TOKENS["other"]) as other:
            large = await client.call_tool("weather-_large", {"size": 1 << 21})
            uri = large.content[0].uri
            with pytest.raises(Exception, match="not_found"):
                await other.read_resource(uri)
            assert (await client.read_resource(uri)).contents


async def test_a_connection_is_of_the_credential_that_opened_it():
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    async with gate() as made, served(made) as url, httpx2.AsyncClient() as http:

        async def post(body: Any, token: str, **more: str) -> Any:
            headers = {
                "Authorization": f"Bearer {token}",
                "Accept": "application/json, text/event-stream",
                **more,
            }
            return await http.post(url, json=body, headers=headers)

        opened = await post(HELLO, TOKENS["desk"])
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        assert (await post(listing, TOKENS["other"], **session)).status_code == 404
        assert (await post(listing, "x" * 40, **session)).status_code == 401
        assert (await post(listing, TOKENS["desk"], **session)).status_code == 200
        too_large = {**listing, "params": {"cursor": "x" * (5 << 20)}}
        assert (await post(too_large, TOKENS["desk"])).status_code == 413


async def test_one_credential_has_no_more_than_its_share_of_the_connections(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(gateway_http, "MAX_SESSIONS", 16)

    async def opened(token: str) -> int:
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        }
        return (await http.post(url, json=HELLO, headers=headers)).status_code

    async with gate() as made, served(made) as url, httpx2.AsyncClient() as http:
        many = [await opened(TOKENS["desk"]) for _ in range(14)]
        assert many == [200] * 12 + [503] * 2
        assert await opened(TOKENS["other"]) == 200


async def test_a_host_of_the_newer_era_that_leaves_cancels_its_call():
    async with gate() as made, served(made) as url:
        async with host(url, "auto") as client:
            call = asyncio.ensure_future(client.call_tool("weather-_wait", {}))
            await asyncio.wait_for(made.started.wait(), 10)
            call.cancel()
            await asyncio.wait_for(made.ended.wait(), 10)
            await asyncio.wait([call])


async def test_an_older_host_that_vanishes_is_ended_by_the_time_out():
    async with gate(timeout=0.5) as made, served(made) as url:
        async with host(url, "legacy") as client:
            call = asyncio.ensure_future(client.call_tool("weather-_wait", {}))
            await asyncio.wait_for(made.started.wait(), 10)
            late = await call
            assert text_of(late).startswith("deadline_exceeded: ")
            await asyncio.wait_for(made.ended.wait(), 10)
