"""Connect, async and not, at a real registry."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia import Agent, connect, connect_sync
from chatixia.errors import ConfigError, RegistryUnreachable
from chatixia.testing.registry import RegistryHarness


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with RegistryHarness(tmp_path / "home") as made:
        monkeypatch.setenv("CHATIXIA_HOME", str(made.home))
        yield made


async def test_a_client_is_never_listed(registry: RegistryHarness):
    async with connect() as one, connect() as two:
        assert one.id != two.id
        assert await one.agents() == []


async def test_open_once(registry: RegistryHarness):
    opening = connect()
    async with opening as mesh:
        with pytest.raises(ConfigError, match="open already"):
            await opening.__aenter__()
    await mesh.close()


async def test_no_mesh_no_registry(registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch):
    await registry.stop()
    with pytest.raises(RegistryUnreachable):
        async with connect(timeout=0.3):
            pass
    with pytest.raises(ConfigError, match="in no mesh"):
        async with connect(mesh="other"):
            pass
    with pytest.raises(ConfigError, match="engine"):
        async with connect(engine="steam"):
            pass


async def test_without_async(registry: RegistryHarness):
    agent = Agent("a")

    @agent.skill
    async def echo(data: str) -> str:
        return data

    def program() -> list[object]:
        with connect_sync() as mesh:
            there = mesh.agent("a")
            return [there.echo(data="x"), there.call("echo", {"data": "y"}).via]

    async with agent:
        assert await asyncio.to_thread(program) == ["x", "direct"]
