"""The sidecar's process: what it is of, where its socket is, and its life over a real login."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from chatixia import Agent, connect
from chatixia.assembly.sidecar.process import (
    SETTINGS,
    SidecarProcess,
    at,
    hand_on,
    handed_on,
    runtime_folder,
    settings_of,
    socket_path,
)
from chatixia.errors import AlreadyRunning, ConfigError
from chatixia.testing.registry import RegistryHarness


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHATIXIA_AGENT_ID", "CHATIXIA_REGISTRY_URL", "SIGNALING_URL", "IPC_SOCKET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with RegistryHarness(tmp_path / "home") as made:
        monkeypatch.setenv("CHATIXIA_HOME", str(made.home))
        yield made


def test_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigError, match="needs its agent's name"):
        settings_of(None, "")
    with pytest.raises(ConfigError, match="cannot name an agent"):
        settings_of(None, "No Name")
    assert settings_of(None, "weather")["name"] == "weather"
    (tmp_path / "agent.yaml").write_text("name: lib\nsidecar: {socket: /run/x.sock}\n")
    settings = settings_of(at(str(tmp_path)), "")
    assert (settings["name"], str(socket_path(settings))) == ("lib", "/run/x.sock")
    assert socket_path(settings, "/run/y.sock") == Path("/run/y.sock")
    monkeypatch.setenv("CHATIXIA_AGENT_ID", "env")
    monkeypatch.setenv("IPC_SOCKET", "/run/z.sock")
    settings = settings_of(None, "")
    assert (settings["name"], socket_path(settings)) == ("env", Path("/run/z.sock"))
    assert at("") is None


def test_the_described_variables_name_the_registry(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIGNALING_URL", "ws://localhost:8080/ws")
    assert settings_of(None, "weather")["registry"] == "http://localhost:8080"
    monkeypatch.setenv("SIGNALING_URL", "wss://mesh.example/ws")
    assert settings_of(None, "weather")["registry"] == "https://mesh.example"
    monkeypatch.setenv("CHATIXIA_REGISTRY_URL", "http://127.0.0.1:9")
    assert settings_of(None, "weather")["registry"] == "http://127.0.0.1:9"


def test_a_place_of_this_users_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert runtime_folder() == Path("/run/user/7/chatixia")
    assert socket_path(settings_of(None, "weather")).name == "weather.sock"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/" + "long" * 20)
    assert "chatixia-" in runtime_folder().name, "a socket in the longer one would not fit"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert "chatixia-" in runtime_folder().name


def test_what_a_supervisor_hands_on_is_what_a_sidecar_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "agent.yaml").write_text(
        "name: lib\ndescription: Books\nprompt: of the model\ndata_dir: data\n"
        "links: {keep: 3}\ngrace: 2s\nengine: aiortc\n"
    )
    monkeypatch.setenv(SETTINGS, hand_on(settings_of(at(str(tmp_path)), "")))
    assert "of the model" not in os.environ[SETTINGS]
    handed = handed_on()
    assert handed.data_dir() == tmp_path / "data"
    keys = ("name", "description", "links.keep", "grace", "engine")
    assert [handed[key] for key in keys] == ["lib", "Books", 3, 2.0, "aiortc"]
    with pytest.raises(ConfigError, match="only a supervisor"):
        handed_on()  # it is taken once, and no child of the sidecar has it
    monkeypatch.setenv(SETTINGS, "no JSON")
    with pytest.raises(ConfigError, match="only a supervisor"):
        handed_on()


@pytest.mark.parametrize("place", ["file/s.sock", "x" * 120])
async def test_a_socket_that_cannot_be_is_told_before_the_login(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """This machine has joined no mesh, so a login would be another ConfigError."""
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="name another place in IPC_SOCKET"):
        await SidecarProcess(settings_of(None, "weather"), tmp_path / place).start()


async def test_an_agent_behind_it_is_called_like_any_other(
    tmp_path: Path, registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    told: list[str] = []
    path = tmp_path / "s.sock"
    side = SidecarProcess(settings_of(None, "weather"), path, on_line=told.append)
    await side.start()
    again = SidecarProcess(settings_of(None, "other"), path)
    with pytest.raises(AlreadyRunning):
        await again.start()
    monkeypatch.setenv("CHATIXIA_SOCKET", str(path))
    agent = Agent("weather")

    @agent.skill
    async def forecast(city: str) -> str:
        return f"sunny in {city}"

    async with agent, connect() as mesh:
        assert await mesh.agent("weather").forecast(city="Oslo") == "sunny in Oslo"
        assert await mesh.any("forecast").forecast(city="Rome") == "sunny in Rome"
    await asyncio.wait_for(side.stop(), 20)
    assert not path.exists() and side.fault is None
    assert "weather  online  skills: forecast" in told[0]
    assert side.banner() == "  weather  stopped"
