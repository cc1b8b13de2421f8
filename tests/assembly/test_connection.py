"""Whatever connects an agent, the agent sees one life: start, online, drain, stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.connection import AgentConnection
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.assembly.run.settings import resolve
from chatixia.assembly.wiring import api_key_connection, open_connection
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with RegistryHarness(tmp_path / "home") as harness:
        monkeypatch.setenv("CHATIXIA_HOME", str(harness.home))
        yield harness


async def lives(connection: AgentConnection, registry: RegistryHarness) -> None:
    assert not connection.is_online and connection.label and connection.key
    await connection.start()
    await connection.online(20)
    assert connection.is_online and connection.url.rstrip("/") == registry.url
    assert connection.port.id == "weather"
    await connection.drain(1)
    await connection.stop()
    connection.abandon()  # after its end it does nothing


async def test_in_this_process(registry: RegistryHarness):
    connection = await open_connection(resolve(), "weather")
    assert connection.folder is not None
    await lives(connection, registry)


async def test_with_an_api_key(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def create() -> str:
        with RegistryClient.owner(registry.profile) as rest:
            return str(rest.call("keys.create", KeyCreate("weather")).key)

    key = await asyncio.to_thread(create)
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "outside"))
    settings = resolve({"registry": registry.url}, None, {"API_KEY": key})
    connection = api_key_connection(settings, "weather")
    assert connection is not None and connection.folder is None
    await lives(connection, registry)
