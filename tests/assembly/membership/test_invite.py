"""Invitations: what is signed, what the registry keeps, what the string carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.membership.invite import Invited, invitation_seed, invite, waiting
from chatixia.assembly.membership.join import join
from chatixia.assembly.profile.profile import Profile
from chatixia.core.join import decode
from chatixia.core.record import key_id
from chatixia.errors import ConfigError, NameTaken, NotFound, RegistryUnreachable
from chatixia.identity import SignKey
from chatixia.testing.registry import RegistryHarness
from chatixia.wire import signed


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


async def do(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return await asyncio.to_thread(work, *args, **more)


async def test_the_string_says_where_and_what_to_expect(registry: RegistryHarness):
    profile = registry.profile
    made: Invited = await do(invite, profile, "pi")
    said = decode(made.string)
    assert said.addresses == (registry.url.removeprefix("http://"),)
    assert said.mesh == bytes.fromhex(profile.mesh)[:16]
    assert said.registry == signed.key_hash(profile.registry_key)[:16]
    assert made.key == key_id(SignKey(invitation_seed(said.secret)).public)
    assert made.local
    assert 0 < made.redeem_by - profile.clock.now() <= 901
    assert made.string not in repr(made)


async def test_each_has_a_secret_of_its_own(registry: RegistryHarness):
    made = [await do(invite, registry.profile, f"pi-{n}") for n in range(3)]
    assert len({decode(one.string).secret for one in made}) == 3


async def test_the_secret_reaches_neither_registry_nor_disk(registry: RegistryHarness):
    made: Invited = await do(invite, registry.profile, "pi")
    secret = decode(made.string).secret
    for path in registry.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for form in (secret, secret.hex().encode(), invitation_seed(secret)):
                assert form not in data, path


async def test_a_tunnels_address_stands_in_the_string(registry: RegistryHarness):
    made: Invited = await do(invite, registry.profile, "pi", via=["https://xyz.example.net"])
    assert decode(made.string).addresses == ("xyz.example.net:443",)
    assert not made.local


async def test_waiting_ends_when_somebody_joins(registry: RegistryHarness, tmp_path: Path):
    made: Invited = await do(invite, registry.profile, "pi")
    assert (await do(waiting, registry.profile, made.key, 1)).state == "waiting"
    told = asyncio.create_task(do(waiting, registry.profile, made.key))
    await do(join, made.string, home=tmp_path / "pi")
    found = await told
    assert (found.state, found.joined) == ("redeemed", "pi")
    with pytest.raises(NotFound):
        await do(waiting, registry.profile, "0" * 16)


async def test_a_taken_name_is_refused_with_a_free_one(registry: RegistryHarness, tmp_path: Path):
    made: Invited = await do(invite, registry.profile, "pi")
    await do(join, made.string, home=tmp_path / "pi")
    for name in ("pi", registry.profile.machine):
        with pytest.raises(NameTaken, match=rf"The name {name} .* {name}-2 is free"):
            await do(invite, registry.profile, name)


@pytest.mark.parametrize(
    ("name", "reusable"),
    [
        ("Pi", False),
        ("hub", False),
        ("", False),
        ("a/b", True),
        ("x" * 57, False),
        ("x" * 51 + "*", True),
        ("worker-*", False),
        ("-*", True),
        ("a*b", True),
    ],
)
async def test_a_name_that_cannot_be(registry: RegistryHarness, name: str, reusable: bool):
    with pytest.raises(ConfigError, match=r"reserved|at most 5[16]|--reusable"):
        await do(invite, registry.profile, name, reusable=reusable)


async def test_only_the_owners_machine_invites(registry: RegistryHarness, tmp_path: Path):
    made: Invited = await do(invite, registry.profile, "pi")
    joined: Profile = await do(join, made.string, home=tmp_path / "pi")
    with pytest.raises(ConfigError, match="owner's key"):
        await do(invite, joined, "other")


async def test_without_the_registry_there_is_no_invitation(registry: RegistryHarness):
    profile = registry.profile
    await registry.stop()
    with pytest.raises(RegistryUnreachable):
        await do(invite, profile, "pi")
