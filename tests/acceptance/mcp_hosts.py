"""Hosts of the Model Context Protocol for the acceptance tests: the library's client, by both
transports and in both eras, and requests over HTTP that are written by hand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.acceptance.harness import TestMesh
from tests.gateway.mcp.gate import HELLO
from tests.lab.procs import CHATIXIA, Process

HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class Changes:
    """Counts what a host is told of its tools."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    async def heard(self, message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            self.told.set()


class HttpGate:
    """``chatixia mcp --http`` and where it is."""

    def __init__(self, net: TestMesh, *options: str, at: str = "127.0.0.1:0") -> None:
        self.process: Process = net.procs.start("mcp", "--http", at, *options)
        found = self.process.wait_for(r"mcp\s+(http://\S+)\s+tokens: (.+)")
        self.url = found[1]
        self.folder = found[2].strip()
        self.name = options[options.index("--name") + 1] if "--name" in options else "http"
        self.port = int(re.search(r":(\d+)/mcp", self.url)[1])  # type: ignore[index]

    def token(self, name: str = "") -> str:
        with open(f"{self.folder}/{name or self.name}.token") as file:
            return file.read().strip()


@asynccontextmanager
async def by_stdio(
    net: TestMesh, *options: str, era: str = "auto", **more: Any
) -> AsyncIterator[Client]:
    """A host that starts the gateway itself."""
    program, *words = CHATIXIA
    server = StdioServerParameters(
        command=program,
        args=[*words, "mcp", *options],
        env=net.procs.environment(),
    )
    async with Client(server, mode=era, **more) as client:
        yield client


@asynccontextmanager
async def by_http(gate: HttpGate, era: str = "auto", **more: Any) -> AsyncIterator[Client]:
    """A host that reaches a gateway with its token."""
    headers = {"Authorization": f"Bearer {gate.token()}"}
    timeout = httpx2.Timeout(30, read=300)
    async with httpx2.AsyncClient(headers=headers, timeout=timeout) as http:
        async with Client(
            streamable_http_client(gate.url, http_client=http), mode=era, **more
        ) as c:
            yield c


async def post(url: str, **headers: str) -> int:
    """The status of a first request with these headers."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.post(url, json=HELLO, headers={**HEADERS, **headers})
        return int(answer.status_code)


async def names(client: Client) -> list[str]:
    """The tools that are listed, all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        found += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return found
