"""The owner's side of pairing: what it lists, and names that it may not give away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.membership import approve
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import revoke
from chatixia.assembly.profile.profile import Profile
from chatixia.core.pins import MAX_SERIAL
from chatixia.errors import BadChain, BadRequest, ConfigError, NameTaken, NotFound
from chatixia.testing.registry import RegistryHarness
from tests.assembly.membership.test_delegate import shows
from tests.registry.trust.test_pairing import Machine, code_of


@pytest.fixture
async def registry(tmp_path: Path) -> Any:
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


async def asks(registry: RegistryHarness, name: str) -> approve.PendingMachine:
    await Machine(registry, "192.0.2.1").begin(await code_of(registry), name)
    return await asyncio.to_thread(approve.find, registry.profile, name)


async def test_all_that_wait_are_listed_with_their_keys(registry: RegistryHarness):
    for name in ("a", "b"):
        await asks(registry, name)
    found = await asyncio.to_thread(approve.pending, registry.profile)
    assert [machine.info.name for machine in found.machines] == ["a", "b"]
    assert found.machines[0].key != found.machines[1].key and found.resting == 0.0
    for nobody in ("c", "no name"):
        with pytest.raises(NotFound, match="chatixia pending"):
            await asyncio.to_thread(approve.find, registry.profile, nobody)


async def test_of_who_is_in_it_says_so_until_it_is_out(registry: RegistryHarness):
    """Whoever approved and heard no answer types the command again."""
    machine = await asks(registry, "pi")
    await asyncio.to_thread(approve.approve, registry.profile, machine)
    with pytest.raises(NotFound, match="pi is a member already"):
        await asyncio.to_thread(approve.find, registry.profile, "pi")
    await asyncio.to_thread(revoke, registry.profile, "pi")
    with pytest.raises(NotFound, match="chatixia pending"):
        await asyncio.to_thread(approve.find, registry.profile, "pi")


async def test_a_key_is_compared_as_typed(registry: RegistryHarness):
    machine = await asks(registry, "pi")
    approve.check_key(machine, machine.key.upper().replace("-", " "))
    with pytest.raises(BadRequest):
        approve.check_key(machine, "7f3a")


async def test_a_revoked_name_comes_back_by_replace_alone(
    registry: RegistryHarness, tmp_path: Path
):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    await asyncio.to_thread(revoke, registry.profile, "pi")
    machine = await asks(registry, "pi")
    with pytest.raises(NameTaken, match="was revoked.*--replace"):
        await asyncio.to_thread(approve.approve, registry.profile, machine)
    assert not await asyncio.to_thread(approve.approve, registry.profile, machine, replace=True)


async def test_the_owners_own_machine_is_nobody_elses(registry: RegistryHarness):
    machine = await asks(registry, registry.profile.machine)
    for replace in (False, True):
        with pytest.raises(ConfigError, match="holds the owner's key"):
            await asyncio.to_thread(approve.approve, registry.profile, machine, replace=replace)


async def test_only_the_owners_machine_approves(registry: RegistryHarness, tmp_path: Path):
    invited = await asyncio.to_thread(invite, registry.profile, "laptop")
    joined: Profile = await asyncio.to_thread(join, invited.string, home=tmp_path / "laptop")
    for act in (approve.create_code, approve.pending):
        with pytest.raises(ConfigError, match="owner's key"):
            await asyncio.to_thread(act, joined)


@pytest.mark.parametrize("refused", ["the terms", "the one that waited", "its serial"])
async def test_what_refuses_the_newcomer_leaves_the_other_in(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    machine, names = await asks(registry, "pi"), ["*"]
    if refused == "the terms":
        names = ["Lab-*"]
    elif refused == "its serial":
        shows(monkeypatch, registry, MAX_SERIAL)
    else:
        await asyncio.to_thread(approve.reject, registry.profile, "pi")
    with pytest.raises((BadRequest, BadChain, NotFound)):
        await asyncio.to_thread(
            approve.approve, registry.profile, machine, replace=True, names=names
        )
    assert ("default", "pi") not in registry.running.service.members.revocations


async def test_no_name_is_nobody_s(registry: RegistryHarness):
    """As of a variable that is not set: the one that waits longest is not meant."""
    await asks(registry, "pi")
    for act in (approve.find, approve.reject):
        with pytest.raises(NotFound, match="as ''; `chatixia pending`"):
            await asyncio.to_thread(act, registry.profile, "")
    assert (await asyncio.to_thread(approve.find, registry.profile, "pi")).info.name == "pi"


async def test_a_revoked_name_is_shown_as_such_after_a_restart_too(
    registry: RegistryHarness, tmp_path: Path
):
    """Else the command that `pair` and the hub show is one that is refused."""
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    assert not (await asks(registry, "po")).info.member
    await asyncio.to_thread(revoke, registry.profile, "pi")
    assert (await asks(registry, "pi")).info.member
    await registry.stop()
    await registry.start()
    assert (await asyncio.to_thread(approve.find, registry.profile, "pi")).info.member
    assert not (await asyncio.to_thread(approve.find, registry.profile, "po")).info.member
