"""uvicorn's server takes sockets that accept by our rule, and ends with them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chatixia.assembly.serve.up import _within_descriptors
from chatixia.core.admission import AdmissionLimits
from chatixia.registry.web.acceptor import Acceptor
from tests.registry.strangers import HEALTH, OK, bounded, raw


async def test_every_socket_accepts_by_our_rule_and_ends(tmp_path: Path):
    async with bounded(tmp_path) as registry:
        servers = registry.running._servers
        assert all(isinstance(each, Acceptor) for server in servers for each in server.acceptors)
        line = await raw(registry, HEALTH)
        await line.until(OK)
        port = registry.running.started.port
        await registry.stop()
        assert await line.ended() == b""
        try:
            await asyncio.open_connection("127.0.0.1", port)
            raise AssertionError("it still listens")
        except ConnectionRefusedError:
            pass
        await registry.start()


def test_few_descriptors_mean_few_strangers(monkeypatch):
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    assert _within_descriptors(AdmissionLimits()).total == 64
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert _within_descriptors(AdmissionLimits()) == AdmissionLimits()
