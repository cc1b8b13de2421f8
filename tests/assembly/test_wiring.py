"""Credentials, links and login joined, at a real registry."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly import wiring
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.run.settings import resolve
from chatixia.assembly.wiring import api_key_connection, check_url, open_connection
from chatixia.errors import AlreadyRunning, ConfigError
from chatixia.testing.registry import RegistryHarness


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with RegistryHarness(tmp_path / "home") as made:
        monkeypatch.setenv("CHATIXIA_HOME", str(made.home))
        yield made


async def test_an_agent_and_a_client(registry: RegistryHarness):
    agent = await open_connection(resolve(), "weather")
    client = await open_connection(resolve(), kind="client")
    assert agent.folder is not None
    assert client.folder is None
    assert len(agent.key) == 19
    assert agent.label == "home"
    for connection in (agent, client):
        await connection.start()
        await connection.online(10)
        assert connection.is_online
    with pytest.raises(AlreadyRunning):
        await open_connection(resolve(), "weather")
    for connection in (agent, client):
        await connection.stop()
    again = await open_connection(resolve(), "weather")
    await again.stop()


async def test_an_address_of_ones_own_comes_first(
    registry: RegistryHarness, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "chatixia")
    connection = await open_connection(resolve({"registry": registry.url + "/"}), kind="client")
    assert connection.credentials.me().registries[0] == registry.url
    await connection.stop()
    assert not caplog.records
    connection = await open_connection(
        resolve(None, None, {"CHATIXIA_REGISTRY_URL": "http://127.0.0.1:9"}), kind="client"
    )
    await connection.start()
    await connection.online(10)  # that one is silent, and the profile's own is tried next
    assert (
        "registry is http://127.0.0.1:9 (from environment CHATIXIA_REGISTRY_URL), which did not"
        f" answer; logged in at {registry.url}"
    ) in caplog.text
    await connection.stop()


async def test_refusals(registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigError, match="not an address"):
        await open_connection(resolve({"registry": "here"}), "a")
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home / "elsewhere"))
    with pytest.raises(ConfigError, match="has not joined a mesh"):
        await open_connection(resolve(), "a")
    check_url("https://x:1")


async def test_an_api_key_is_ignored_where_there_is_a_profile(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "chatixia")
    settings = resolve({"registry": registry.url}, None, {"API_KEY": "swordfish"})
    assert api_key_connection(resolve(), "a") is None
    assert not caplog.records
    assert api_key_connection(settings, "a") is None
    assert "sidecar.api_key is ignored" in caplog.text
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home / "elsewhere"))
    connection = api_key_connection(settings, "a")
    assert connection is not None
    assert "no links, and its work is plain" in caplog.text
    assert "swordfish" not in caplog.text
    await connection.stop()


async def test_a_container_joins_by_itself(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "container"))
    monkeypatch.setenv("CHATIXIA_JOIN", invited.string)
    for _ in range(2):  # the second time the profile is there, and the string is not looked at
        connection = await open_connection(resolve(), "worker")
        assert connection.profile.machine == "pi"
        await connection.start()
        await connection.online(10)
        await connection.stop()


@pytest.mark.parametrize("left", [5.0, 0.0])
async def test_what_refuses_a_start_that_was_given_up_is_printed_by_nobody(
    left: float, monkeypatch: pytest.MonkeyPatch
):
    """As at Ctrl-C, while it is not yet sure that another process has the agent."""
    began, go, printed = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: printed.append(context["message"]))

    def refused(*args: Any) -> None:
        loop.call_soon_threadsafe(began.set)
        go.wait(30)
        raise AlreadyRunning("weather is already running.")

    monkeypatch.setattr(wiring, "_enrolled", refused)
    monkeypatch.setattr(wiring, "LEFT_S", left)
    ended, retrieve = asyncio.Event(), wiring._retrieve

    def noted(future: asyncio.Future[Any]) -> None:
        retrieve(future)
        ended.set()

    monkeypatch.setattr(wiring, "_retrieve", noted)
    start = asyncio.ensure_future(open_connection(resolve(), "weather"))
    await began.wait()
    start.cancel()
    loop.call_later(0.05, go.set)
    with pytest.raises(asyncio.CancelledError):
        await start
    del start
    await ended.wait()
    gc.collect()
    assert go.is_set() and not printed
