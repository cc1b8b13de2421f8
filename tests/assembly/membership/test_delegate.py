"""Delegating and withdrawing, as the owner's process does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chatixia.assembly.membership import approve, pair
from chatixia.assembly.membership.delegate import DAY, delegate, withdraw
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import revoke
from chatixia.core.membership import check_chain, check_revoked
from chatixia.core.pins import AHEAD, MAX_SERIAL
from chatixia.errors import BadChain, BadRequest, ConfigError, Revoked
from chatixia.identity import verify
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Nothing
from chatixia.wire.trust import DEFAULT_NS, REGISTRY
from tests.registry.browsers import as_owner
from tests.registry.trust.test_delegating import asks, code_of, do, let
from tests.until import until


@pytest.mark.parametrize(
    ("names", "roles"), [(["*"], []), (["lab-*"], ["*"]), (["a*b"], []), (["Lab"], []), ([""], [])]
)
async def test_what_no_registry_may_be_let_sign(names: list[str], roles: list[str]):
    async with RegistryHarness() as registry:
        with pytest.raises(BadRequest):
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


@pytest.fixture
async def registry() -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness() as running:
        yield running


def shows(monkeypatch: pytest.MonkeyPatch, registry: RegistryHarness, serial: int) -> None:
    """Let the registry show ``serial`` as the highest of whatever name."""
    service = registry.running.service
    honest = type(service.members).serial

    async def lie(id_: str) -> Any:
        return replace(await honest(service.members, id_), serial=serial)

    monkeypatch.setattr(service.members, "serial", lie)
    monkeypatch.setattr(service.trust.delegation, "_serial", lambda: serial)


async def test_a_low_one_saves_nobody_from_a_revocation(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    code, address = await code_of(registry), registry.url.partition("://")[2]
    waits = asyncio.create_task(do(pair.pair, address, code, home=tmp_path / "pi", machine="pi"))
    await until(lambda: len(registry.running.service.trust.pairing.waiters))
    await do(approve.approve, registry.profile, await do(approve.find, registry.profile, "pi"))
    made = await asyncio.wait_for(waits, 20)
    shows(monkeypatch, registry, 0)
    await do(revoke, registry.profile, "pi")
    pi = check_chain(made.machine_chain, mesh=registry.profile.mesh, now=0, verify=verify)
    with pytest.raises(Revoked):
        check_revoked(pi, registry.running.service.members.revocations)


async def test_above_a_high_one_nothing_is_signed(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    """It would stand above the withdrawal, or the revocation, that the owner dates by the time."""
    await asks(registry)
    waiting = await do(approve.find, registry.profile, "lab-1")
    shows(monkeypatch, registry, MAX_SERIAL - 1)
    for signs in (
        let(registry),
        do(approve.approve, registry.profile, waiting),
        do(invite, registry.profile, "pi"),
    ):
        with pytest.raises(BadChain, match="could not be revoked"):
            await signs


async def test_a_high_one_lifts_no_withdrawal_above_all_later_delegations(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    shows(monkeypatch, registry, MAX_SERIAL)
    await do(withdraw, registry.profile)
    ended = registry.running.service.members.revocations[DEFAULT_NS, REGISTRY]
    assert ended.issued <= ended.serial <= ended.issued + AHEAD + 1
