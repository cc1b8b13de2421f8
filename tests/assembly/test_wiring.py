"""Credentials, links and login joined, at a real registry."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from chatixia.assembly.membership.invite import invite
from chatixia.assembly.run.settings import resolve
from chatixia.assembly.wiring import check_url, keyless, open_wire
from chatixia.errors import AlreadyRunning, ConfigError
from chatixia.testing.registry import RegistryHarness


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with RegistryHarness(tmp_path / "home") as made:
        monkeypatch.setenv("CHATIXIA_HOME", str(made.home))
        yield made


async def test_an_agent_and_a_client(registry: RegistryHarness):
    agent = await open_wire(resolve(), "weather")
    client = await open_wire(resolve(), kind="client")
    assert agent.folder is not None
    assert client.folder is None
    assert len(agent.key) == 9
    assert agent.label == "home"
    for wire in (agent, client):
        await wire.start()
        await wire.port.online(10)
        assert wire.port.registry_up
    with pytest.raises(AlreadyRunning):
        await open_wire(resolve(), "weather")
    for wire in (agent, client):
        await wire.stop()
    again = await open_wire(resolve(), "weather")
    await again.stop()


async def test_an_address_of_ones_own_comes_first(
    registry: RegistryHarness, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "chatixia")
    wire = await open_wire(resolve({"registry": registry.url + "/"}), kind="client")
    assert wire.credentials.me().registries[0] == registry.url
    await wire.stop()
    assert not caplog.records
    wire = await open_wire(
        resolve(None, None, {"CHATIXIA_REGISTRY_URL": "http://127.0.0.1:9"}), kind="client"
    )
    await wire.start()
    await wire.port.online(10)  # that one is silent, and the profile's own is tried next
    assert (
        "registry is http://127.0.0.1:9 (from environment CHATIXIA_REGISTRY_URL), which did not"
        f" answer; logged in at {registry.url}"
    ) in caplog.text
    await wire.stop()


async def test_refusals(registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigError, match="no address"):
        await open_wire(resolve({"registry": "here"}), "a")
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home / "elsewhere"))
    with pytest.raises(ConfigError, match="in no mesh"):
        await open_wire(resolve(), "a")
    check_url("https://x:1")


async def test_an_api_key_is_ignored_where_there_is_a_profile(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "chatixia")
    settings = resolve({"registry": registry.url}, None, {"API_KEY": "swordfish"})
    assert keyless(resolve(), "a") is None
    assert not caplog.records
    assert keyless(settings, "a") is None
    assert "sidecar.api_key is ignored" in caplog.text
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home / "elsewhere"))
    wire = keyless(settings, "a")
    assert wire is not None
    assert "no links, its work is plain" in caplog.text
    assert "swordfish" not in caplog.text
    await wire.stop()


async def test_a_container_joins_by_itself(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "container"))
    monkeypatch.setenv("CHATIXIA_JOIN", invited.string)
    for _ in range(2):  # the second time the profile is there, and the string is not looked at
        wire = await open_wire(resolve(), "worker")
        assert wire.profile.machine == "pi"
        await wire.start()
        await wire.port.online(10)
        await wire.stop()
