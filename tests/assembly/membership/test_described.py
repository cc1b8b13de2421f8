"""The owner's side of a described agent's pairing: who waits, over several pages, and its token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatixia.assembly.membership import described
from chatixia.errors import NotFound
from chatixia.testing.registry import RegistryHarness
from chatixia.wire import devices
from tests.cli.pairing import described as asks


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "registry", compat=True) as made:
        yield made


async def test_all_pages_of_who_waits(registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(described, "DevicesQuery", lambda: devices.DevicesQuery(limit=2))
    entries = [await asyncio.to_thread(asks, registry, f"agent {n}") for n in range(5)]
    waiting = await asyncio.to_thread(described.pending, registry.profile)
    assert [one.entry for one in waiting] == entries
    assert all(3500 < one.expires - one.entry.created_at <= 3600 for one in waiting)
    for name in (entries[4].peer_id, entries[4].id):
        assert await asyncio.to_thread(described.find, registry.profile, name) == entries[4]
    assert await asyncio.to_thread(described.find, registry.profile, "agent 4") is None


async def test_one_is_let_in_or_turned_away_once(registry: RegistryHarness):
    profile = registry.profile
    first, second = [await asyncio.to_thread(asks, registry, name) for name in ("a", "b")]
    approved = await asyncio.to_thread(described.approve, profile, first)
    assert (approved.peer_id, approved.device_token[:3]) == (first.peer_id, "dt_")
    with pytest.raises(NotFound):
        await asyncio.to_thread(described.approve, profile, first)
    assert await asyncio.to_thread(described.reject, profile, second.id) == second
    with pytest.raises(NotFound, match="chatixia pending"):
        await asyncio.to_thread(described.reject, profile, second.id)
    assert await asyncio.to_thread(described.pending, profile) == []
