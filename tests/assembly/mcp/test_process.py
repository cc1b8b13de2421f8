"""The gateway's process: where it may listen, and its life with a registry in this process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from chatixia import Agent
from chatixia.assembly.mcp import tokens
from chatixia.assembly.mcp.process import (
    PORT,
    McpOptions,
    McpProcess,
    address,
    bound,
    check_address,
)
from chatixia.assembly.profile.profile import Profile
from chatixia.errors import ConfigError
from chatixia.testing.registry import RegistryHarness


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:80", ("::1", 80)),
        ("[::1]", ("::1", PORT)),
        ("8080", ("127.0.0.1", 8080)),
        ("localhost", ("localhost", PORT)),
    ],
)
def test_where_to_listen(text: str, place: tuple[str, int]):
    assert address(text) == place


@pytest.mark.parametrize("text", ["a:b", ":1", "127.0.0.1:70000", "[]:1", "a:"])
def test_what_is_no_address(text: str):
    with pytest.raises(ConfigError, match="no address"):
        address(text)


def test_beyond_this_machine_only_by_a_word():
    for host in ("0.0.0.0", "::", "192.168.1.20", "example.com"):
        with pytest.raises(ConfigError, match="--clear"):
            check_address(host, clear=False)
        check_address(host, clear=True)
    check_address("::1", clear=False)


def test_a_port_that_is_taken_is_one_sentence():
    with bound("127.0.0.1", 0) as sock, pytest.raises(ConfigError, match="--http"):
        bound("127.0.0.1", sock.getsockname()[1])


async def test_it_serves_until_it_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    weather = Agent("weather")

    @weather.skill
    async def forecast(city: str) -> str:
        return f"sun in {city}"

    async with RegistryHarness(tmp_path / "home"), weather:
        process = McpProcess(McpOptions(http="127.0.0.1:0"))
        ended = asyncio.Event()
        process.on_fault = ended.set
        await process.start()
        url = process.banner().split()[1]
        token = tokens.tokens(Profile.open())["http"]
        assert token not in process.banner()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(headers=headers) as http:
            async with Client(streamable_http_client(url, http_client=http)) as client:
                done = await client.call_tool("weather-_forecast", {"city": "Oslo"})
                assert done.content[0].text == "sun in Oslo"
        await process.stop()
        assert ended.is_set()
        assert process.fault is None


async def test_without_a_mesh_the_start_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    process = McpProcess(McpOptions(http="127.0.0.1:0"))
    with pytest.raises(ConfigError):
        await process.start()
    await process.stop()


async def test_a_stop_before_it_serves_ends_it(monkeypatch: pytest.MonkeyPatch):
    async def never(self: McpProcess) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(McpProcess, "_live", never)
    process = McpProcess(McpOptions())
    starting = asyncio.ensure_future(process.start())
    await asyncio.sleep(0)
    await process.stop()
    with pytest.raises(asyncio.CancelledError):
        await starting
