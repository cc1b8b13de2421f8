"""The harness: a real registry here or in a process, with one home over its restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.errors import Unavailable
from chatixia.testing.registry import RegistryHarness, RegistryProcess
from tests.registry.doors import http_call


async def test_in_this_process_it_restarts_on_its_port():
    harness = RegistryHarness()
    with pytest.raises(Unavailable):
        _ = harness.url
    async with harness:
        url, home = harness.url, harness.home
        await harness.stop()
        await harness.start()
        assert harness.url == url and harness.profile.registries == [url]
    assert not home.exists()


async def test_in_a_process_of_its_own(tmp_path: Path):
    async with RegistryProcess(tmp_path) as one:
        assert (await http_call(one, "GET", "/healthz")).json == {"status": "ok"}
        with pytest.raises(Unavailable) as found:
            await asyncio.to_thread(RegistryProcess(tmp_path).start)
        assert "already running" in found.value.message
    assert one.process is None
