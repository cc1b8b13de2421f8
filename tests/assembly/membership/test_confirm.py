"""Confirming takes the owner's key, and names the list that the owner signed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.membership.confirm import confirm
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.errors import ConfigError
from chatixia.testing.registry import RegistryHarness


async def test_the_date_is_mesh_time_and_others_cannot(tmp_path: Path):
    async with RegistryHarness(tmp_path / "registry") as registry:
        word = await asyncio.to_thread(confirm, registry.profile)
        now = registry.running.store.now()
        assert word.version == 0 and 0 <= now - word.issued < 60
        invited = await asyncio.to_thread(invite, registry.profile, "pi")
        joined = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
        with pytest.raises(ConfigError, match="owner's key"):
            await asyncio.to_thread(confirm, joined)
