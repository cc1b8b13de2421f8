"""The gateway over HTTP, by the library's client: both eras, and each credential for itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from chatixia.gateway.mcp import guard
from chatixia.gateway.mcp import http as gateway_http
from chatixia.gateway.mcp.http import application
from chatixia.testing.clock import FakeWorld
from tests.gateway.mcp.gate import ERAS, HELLO, Gate, gate, text_of
from tests.until import until

TOKENS = {"desk": "d" * 40, "other": "o" * 40}


class Quiet(uvicorn.Server):
    def capture_signals(self) -> Any:
        return nullcontext()


@asynccontextmanager
async def served(made: Gate, poll: float = 0.0) -> AsyncIterator[str]:
    """The application on a port of its own."""
    server = made.gateway.server
    async with application(server, {"127.0.0.1"}, lambda: TOKENS, poll=poll) as app:
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
async def host(
    url: str, era: str, token: str = TOKENS["desk"], **more: Any
) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30, **more) as http:
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


async def test_many_requests_at_once_are_all_answered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard, "MOST_REQUESTS", 4)
    async with gate() as made, served(made) as url, host(url, "auto") as client:
        calls = (client.call_tool("weather-_forecast", {"city": "Oslo"}) for _ in range(80))
        assert not [one for one in await asyncio.gather(*calls) if one.is_error]


def test_refused_connections_are_few_lines():
    world = FakeWorld()
    lines = gateway_http.RatedWarnings(world)
    warning, error = (
        logging.LogRecord("x", level, "x", 1, "x", None, None)
        for level in (logging.WARNING, logging.ERROR)
    )
    assert sum(lines.filter(warning) for _ in range(100)) == gateway_http.MOST_LINES
    assert lines.filter(error)
    world.now += gateway_http.LINE_S
    assert sum(lines.filter(warning) for _ in range(100)) == 1


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


class OlderHost:
    """A host of an older version, its requests written by hand."""

    def __init__(self, http: httpx2.AsyncClient, url: str, token: str = TOKENS["desk"]) -> None:
        self.http, self.url = http, url
        self.headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        }

    async def open(self) -> None:
        opened = await self.http.post(self.url, json=HELLO, headers=self.headers)
        self.headers["Mcp-Session-Id"] = opened.headers["mcp-session-id"]

    def stream(self, method: str, **more: Any) -> Any:
        headers = {**self.headers, **more.pop("headers", {})}
        return self.http.stream(method, self.url, headers=headers, **more)

    async def begin(self, version: str) -> dict[str, str]:
        """Call what waits, and leave with the first event."""
        body = {"method": "tools/call", "params": {"name": "weather-_steps", "arguments": {}}}
        headers = {"Mcp-Protocol-Version": version} if version else {}
        call = {"jsonrpc": "2.0", "id": 7, **body}
        async with self.stream("POST", json=call, headers=headers) as answer:
            return await event(answer.aiter_lines())

    async def rest(self, last: str) -> list[str]:
        """What comes after that event, until the stream ends."""
        async with self.stream("GET", headers={"Last-Event-ID": last}) as answer:
            return [line async for line in answer.aiter_lines() if line.startswith("data: {")]


async def event(lines: AsyncIterator[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    async for line in lines:
        if not line:
            return fields
        name, _, value = line.partition(":")
        fields[name] = value.strip()
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("version", ["2025-11-25", "2025-03-26", ""])
async def test_an_older_host_whose_stream_broke_reads_the_rest(version: str):
    """Its connection agreed on 2025-11-25, whatever a request of it says."""
    async with gate() as made, served(made) as url, httpx2.AsyncClient(timeout=30) as http:
        host = OlderHost(http, url)
        await host.open()
        first = await host.begin(version)
        assert (first["data"], first["retry"]) == ("", str(gateway_http.RETRY_MS))
        made.seen.set()
        assert '"text":"done"' in (await host.rest(first["id"]))[-1]


async def test_nobody_reads_on_in_another_s_stream():
    async with gate() as made, served(made) as url, httpx2.AsyncClient(timeout=30) as http:
        one, same, other = (
            OlderHost(http, url, TOKENS[name]) for name in ("desk", "desk", "other")
        )
        for host in (one, same, other):
            await host.open()
        first = await one.begin("2025-11-25")
        made.seen.set()
        assert await same.rest(first["id"]) == await other.rest(first["id"]) == []
        assert await one.rest(first["id"])


async def test_an_older_host_that_is_to_come_back_gets_its_answer():
    back: list[str] = []
    async with gate(poll=0.1) as made, served(made, poll=0.1) as url:

        async def sent(request: Any) -> None:
            if "last-event-id" in request.headers:
                back.append(request.headers["last-event-id"])
                if len(back) == 3:
                    made.seen.set()

        async with host(url, "legacy", event_hooks={"request": [sent]}) as client:
            assert text_of(await client.call_tool("weather-_steps", {})) == "done"
        assert len(back) >= 3
