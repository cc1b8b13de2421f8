"""Beside a registry the list is confirmed by a process of its own."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from chatixia.assembly.serve.confirming import confirm_once, keep_confirmed
from chatixia.testing.registry import RegistryHarness
from tests.until import until


async def test_it_is_confirmed_again_and_again(tmp_path: Path):
    async with RegistryHarness(tmp_path) as registry:
        confirming = registry.running.service.trust.confirming
        task = asyncio.create_task(keep_confirmed(registry.profile, 0.5, 0.0))
        try:
            await until(lambda: confirming.newest, 60)
            first = confirming._issued
            await until(lambda: confirming._issued > first, 60)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_failure_is_a_line_and_without_the_owners_key_nothing_is_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "chatixia")
    async with RegistryHarness(tmp_path) as registry:
        profile = registry.profile
    assert not await confirm_once(profile)
    assert "was not confirmed: error" in caplog.text
    (profile.folder / "owner" / "sign.key").unlink()
    await asyncio.wait_for(keep_confirmed(profile, 20.0, 0.0), 5)
