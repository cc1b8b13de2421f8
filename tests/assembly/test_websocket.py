"""What the registry makes of a socket that ends: hung up, or silent."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import OPENED, agent


@pytest.mark.parametrize("how", ["reads none", "hangs up", "is killed"])
async def test_only_who_answers_no_ping_is_silent(how: str):
    async with RegistryHarness(ping_interval=1, ping_timeout=1) as registry:
        service, ended = registry.running.service, asyncio.Event()
        seen: list[tuple[str, bool]] = []

        def end(socket: object, replaced: bool) -> None:
            seen.append((socket.id, socket.silent))  # type: ignore[attr-defined]
            ended.set()

        service.roster.ended.append(end)
        peer = await agent(registry, "bob", "echo", slots=1)
        if how == "reads none":
            peer.ws.transport.pause_reading()
        elif how == "hangs up":
            await peer.close()
        else:
            peer.ws.transport.abort()
        async with asyncio.timeout(20):
            await ended.wait()
        assert seen == [("bob", how == "reads none")]
        peer.ws.transport.abort()
        while OPENED:
            await OPENED.pop()()
