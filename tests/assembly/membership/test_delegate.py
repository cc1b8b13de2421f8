"""Delegating and withdrawing, as the owner's process does it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.membership.delegate import DAY, delegate, withdraw
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.errors import BadChain, ConfigError
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Nothing
from tests.registry.browsers import as_owner


@pytest.mark.parametrize(
    ("names", "roles"), [(["*"], []), (["lab-*"], ["*"]), (["a*b"], []), (["Lab"], []), ([""], [])]
)
async def test_what_no_registry_may_be_let_sign(names: list[str], roles: list[str]):
    async with RegistryHarness() as registry:
        with pytest.raises(BadChain):
            await asyncio.to_thread(delegate, registry.profile, names, roles, 30)
        assert not (await as_owner(registry, "registry.delegation", Nothing())).names


async def test_it_needs_the_owner_s_key(tmp_path: Path):
    async with RegistryHarness() as registry:
        string = (await asyncio.to_thread(invite, registry.profile, "desk")).string
        desk = await asyncio.to_thread(join, string, home=tmp_path)
        with pytest.raises(ConfigError):
            await asyncio.to_thread(delegate, desk, ["lab-*"], [], 30)
        with pytest.raises(ConfigError):
            await asyncio.to_thread(withdraw, desk)


async def test_each_delegation_and_withdrawal_stands_above_the_one_before():
    """Also within one second, and a withdrawal ends what a registry might not show."""
    async with RegistryHarness() as registry:
        profile = registry.profile
        serials = []
        for _ in range(3):
            made = await asyncio.to_thread(delegate, profile, ["lab-*"], [], 1)
            assert made.serial >= made.issued and made.not_after == made.issued + DAY
            serials.append(made.serial)
            assert await asyncio.to_thread(withdraw, profile) == 0
            book = registry.running.service.members.revocations
            assert book["default", "registry"].serial >= made.serial
        assert serials == sorted(set(serials))
