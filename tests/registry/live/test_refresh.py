"""A living login is sent its config anew, for as long as it lives."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.errors import Unauthorized
from chatixia.registry import service
from chatixia.registry.live.refresh import ConfigRefresher
from chatixia.registry.live.socket import Socket
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.signaling import Config
from tests.registry.doors import agent, enrolled, login


async def nothing(message: Any) -> None: ...


async def test_it_tells_each_login_until_that_ends():
    told: asyncio.Queue[Socket] = asyncio.Queue()

    def config(socket: Socket) -> Config:
        told.put_nowait(socket)
        return Config()

    refresh = ConfigRefresher(config, 0.001)
    one, other = Socket(nothing, "?"), Socket(nothing, "?")
    refresh.begin(one)
    refresh.begin(other)
    async with asyncio.timeout(10):
        seen: list[Socket] = []
        while seen.count(one) < 2 or seen.count(other) < 2:
            seen.append(await told.get())
        other.close(1000, "")
        while len(refresh) > 1:
            await told.get()
    refresh.end(one)
    refresh.end(other)
    assert not len(refresh)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REFRESH_FRACTION", 0.0001)


async def test_agents_and_clients_get_the_next_token(often: None):
    async with RegistryHarness() as registry:
        client = await login(registry, await enrolled(registry, kind="client"))
        for peer in (await agent(registry, "a"), client):
            first, second = await peer.next("config"), await peer.next("config")
            assert first["token"] != second["token"]
            for said in (first, second):
                claims = registry.running.service.tokens.verify(said["token"])
                assert claims.sub == peer.welcome["peer_id"]
            await peer.close()


async def test_whose_membership_stands_no_more_gets_no_token(
    often: None, monkeypatch: pytest.MonkeyPatch
):
    async with RegistryHarness() as registry:
        peer = await agent(registry, "a")
        assert (await peer.next("config"))["token"]

        def refuse(*_: object) -> None:
            raise Unauthorized

        monkeypatch.setattr(registry.running.service.members, "check", refuse)
        async with asyncio.timeout(10):
            while (await peer.next("config")).get("token"):
                pass
        await peer.close()
