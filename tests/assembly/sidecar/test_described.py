"""A described sidecar's process: when it is one, and its life at a real registry."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatixia.assembly.error_text import explain
from chatixia.assembly.sidecar import described
from chatixia.assembly.sidecar.described import DescribedSidecar, from_environment, is_wanted
from chatixia.assembly.sidecar.described_settings import DescribedSettings, DescribedTurn
from chatixia.errors import AlreadyRunning, BadSignature, ConfigError, Denied, Unauthorized
from chatixia.testing.registry import RegistryHarness
from tests.assembly.proxy import Authority, Proxy
from tests.registry.described import key_of
from tests.until import until


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "home", compat=True) as made:
        yield made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "s" / "x.sock"


def settings(registry: RegistryHarness, place: Path, key: str) -> DescribedSettings:
    signaling = f"{registry.url.replace('http', 'ws', 1)}/ws"
    turn = DescribedTurn(["turn:127.0.0.1:9"], "u", "p")
    return DescribedSettings(key, signaling, registry.url, place, turn)


async def made(registry: RegistryHarness, place: Path, key: str = "") -> DescribedSidecar:
    key = key or (await key_of(registry, "rusty")).key
    return DescribedSidecar(settings(registry, place, key), "auto")


async def test_its_life(registry: RegistryHarness, place: Path):
    sidecar = await made(registry, place)
    assert "stopped" in sidecar.banner()
    ended = asyncio.Event()
    sidecar.on_fault = ended.set
    await sidecar.start()
    await sidecar.online(10)
    assert "rusty online, unverified" in sidecar.banner() and str(place) in sidecar.banner()
    assert sidecar._links is not None
    assert sidecar._links.servers[0].urls == ["turn:127.0.0.1:9"]
    reader, writer = await asyncio.open_unix_connection(str(place))
    writer.write(b'{"type":"list_peers"}\n')
    assert json.loads(await reader.readline())["payload"] == {"peers": []}
    writer.close()
    await asyncio.wait_for(ended.wait(), 10)  # with its program it ends
    assert sidecar.fault is None
    await sidecar.stop()
    assert not list(place.parent.iterdir())


async def test_a_second_one_at_the_same_socket_leaves_the_first_its_login(
    registry: RegistryHarness, place: Path
):
    sidecar, second = await made(registry, place), await made(registry, place, "ck_" + "a" * 32)
    await sidecar.start()
    try:
        await sidecar.online(10)
        with pytest.raises(AlreadyRunning):
            await second.start()
        assert sidecar.fault is None and place.exists()
    finally:
        await sidecar.stop()


async def test_a_refused_key_is_named_with_its_cure(registry: RegistryHarness, place: Path):
    for key in ("ck_" + "a" * 32, "dt_" + "0" * 32):
        sidecar = await made(registry, place, key)
        with pytest.raises(Unauthorized, match="refuses API_KEY.*chatixia keys create"):
            await sidecar.start()
        assert not place.exists()


async def test_a_registry_without_compat_says_so(tmp_path: Path, place: Path):
    async with RegistryHarness(tmp_path / "home") as registry:
        sidecar = await made(registry, place)
        with pytest.raises(Denied, match="compat: true"):
            await sidecar.start()
        assert not place.exists()


async def test_a_registry_that_is_away_is_waited_for(registry: RegistryHarness, place: Path):
    sidecar = await made(registry, place)
    await registry.stop()
    try:
        await asyncio.wait_for(sidecar.start(), 10)
        assert "waiting" in sidecar.banner() and place.exists()
        await registry.start()
        await sidecar.online(20)
        await until(lambda: "online" in sidecar.banner())
    finally:
        await sidecar.stop()


def test_a_member_that_is_named_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("CHATIXIA_AGENT_ID", "CHATIXIA_JOIN", "CHATIXIA_MESH", "API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    assert is_wanted()
    monkeypatch.setenv("CHATIXIA_AGENT_ID", "alice")
    assert is_wanted()
    with pytest.raises(ConfigError, match="API_KEY"):
        from_environment()
    monkeypatch.setenv("CHATIXIA_JOIN", "x")
    assert not is_wanted()
    monkeypatch.delenv("CHATIXIA_AGENT_ID")
    assert is_wanted()


async def test_a_path_that_no_socket_can_have_is_told_before_the_login(
    registry: RegistryHarness, tmp_path: Path
):
    sidecar = await made(registry, tmp_path / ("x" * 120))
    with pytest.raises(ConfigError, match="too long for a socket"):
        await sidecar.start()
    assert sidecar._login is None


async def test_a_certificate_of_its_own_is_no_matter_of_this_user_s_rights(
    registry: RegistryHarness, tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(described, "is_loopback", lambda url: False)
    port = int(registry.url.rpartition(":")[2])
    async with Proxy(port, Authority(tmp_path / "ca").context()) as tunnel:
        there = DescribedSettings("ck_1", "wss://x/ws", tunnel.url, place)
        with pytest.raises(BadSignature, match="SSL_CERT_FILE") as caught:
            await asyncio.to_thread(DescribedSidecar(there, "auto")._ask)
    told = explain(caught.value)
    assert "vouch" in told and "CHATIXIA_HOME" not in told, told
