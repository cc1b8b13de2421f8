"""Several owners over a real registry: added, revoked, rotated, lost and recovered."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.membership import owners
from chatixia.assembly.membership.confirm import confirm
from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import leave, revoke
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.errors import BadRequest, BadSignature, ConfigError, Conflict, NotFound, Revoked
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Nothing
from tests.registry.doors import OPENED, login


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made
        while OPENED:
            await OPENED.pop()()


async def do(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return await asyncio.to_thread(work, *args, **more)


async def joined(by: Profile, name: str, home: Path) -> Profile:
    made: Profile = await do(join, (await do(invite, by, name)).string, home=home)
    return made


async def anna_of(registry: RegistryHarness, home: Path) -> Profile:
    """A machine whose user is a second owner."""
    desk = await joined(registry.profile, "desk", home)
    key = await do(owners.ask, desk)
    with pytest.raises(NotFound, match="No owner added"):
        await do(owners.accept, desk)
    assert await do(owners.add, registry.profile, "anna", key) == "admin~anna"
    assert await do(owners.accept, desk) == "admin~anna"
    return desk


def session(profile: Profile) -> None:
    with RegistryClient.machine(profile) as rest:
        rest.call("session", Nothing())


async def test_a_second_owner_lets_in_and_is_revoked_by_the_first(
    registry: RegistryHarness, tmp_path: Path
):
    desk = await anna_of(registry, tmp_path / "desk")
    pi, cam = [await joined(desk, name, tmp_path / name) for name in ("pi", "cam")]
    await do(revoke, desk, "cam")
    with pytest.raises(Revoked):
        await do(session, cam)
    await do(confirm, desk)
    listed = [one.id for one in (await do(owners.every, pi)).owners]
    assert listed == ["admin", "admin~anna"]
    who = await do(enrol, pi, "weather")
    peer = await login(registry, who)
    with pytest.raises(BadSignature, match="does not stand above"):
        await do(owners.revoke_owner, desk, "admin")
    assert await do(owners.revoke_owner, registry.profile, "anna") == 0
    assert (await peer.next("error"))["code"] == "revoked"
    assert await peer.closed()
    who.close()
    for profile in (pi, cam):
        with pytest.raises(Revoked):
            await do(session, profile)
    with pytest.raises(Revoked):
        await do(invite, desk, "eve")
    await do(session, desk)  # whom the first owner let in
    with pytest.raises(ConfigError, match="to end the mesh for good"):
        await do(leave, registry.profile)
    await registry.stop()
    await registry.start()
    assert registry.running.service.trust.confirming.newest is None, "it was anna's"
    await do(confirm, registry.profile)
    assert registry.running.service.trust.confirming.newest
    with pytest.raises(Revoked):
        await do(session, pi)
    with pytest.raises(NotFound, match="No owner is called"):
        await do(owners.revoke_owner, registry.profile, "bob")
    with pytest.raises(Revoked):
        await do(owners.add, registry.profile, "anna", await do(owners.ask, pi))
    assert await do(leave, desk)


async def test_who_is_kept_stays_when_its_owner_is_revoked(
    registry: RegistryHarness, tmp_path: Path
):
    desk = await anna_of(registry, tmp_path / "desk")
    invited = (await do(invite, desk, "pi")).string
    pi = await do(join, invited, home=tmp_path / "pi")
    cam = await joined(desk, "cam", tmp_path / "cam")
    assert await do(owners.revoke_owner, registry.profile, "admin~anna", ["pi"]) == 1
    await do(session, pi)
    with pytest.raises(Revoked):
        await do(session, cam)


async def test_a_rotated_key_follows_and_the_old_one_signs_no_more(
    registry: RegistryHarness, tmp_path: Path
):
    profile = registry.profile
    pi = await joined(profile, "pi", tmp_path / "pi")
    old = shutil.copytree(profile.folder / "owner", tmp_path / "stolen")
    id_, retained = await do(owners.rotate, profile)
    assert (id_, retained >= 3) == (
        "admin.2",
        True,
    )  # registry, this machine, pi's invitation, itself
    for each in (pi, profile):
        await do(session, each)
    cam = await joined(profile, "cam", tmp_path / "cam")
    await do(session, cam)
    await do(confirm, profile)
    await do(revoke, profile, "cam")
    with pytest.raises(Revoked):
        await do(session, cam)
    assert (await do(owners.rotate, profile))[0] == "admin.3"
    await do(session, pi)
    now = shutil.move(profile.folder / "owner", tmp_path / "now")
    shutil.copytree(old, profile.folder / "owner")
    with pytest.raises(Revoked):
        await do(invite, profile, "eve")
    shutil.rmtree(profile.folder / "owner")
    shutil.move(now, profile.folder / "owner")
    assert (await joined(profile, "eve", tmp_path / "eve")).machine == "eve"


@pytest.mark.parametrize("end", [False, True])
async def test_a_lost_owner_is_recovered_by_the_code(
    registry: RegistryHarness, tmp_path: Path, end: bool
):
    profile = registry.profile
    pi = await joined(profile, "pi", tmp_path / "pi")
    await do(session, profile)  # so that the registry knows this machine
    code = await do(owners.recovery, profile)
    with pytest.raises(Conflict):
        await do(owners.recovery, profile)
    lost = shutil.move(profile.folder / "owner", tmp_path / "lost")
    with pytest.raises(BadRequest, match="eight groups"):
        await do(owners.recover, pi, "abcd")
    wrong = code[:-1] + ("a" if code[-1] != "a" else "b")
    with pytest.raises(NotFound, match="no recovery code"):
        await do(owners.recover, pi, wrong)
    assert (await do(owners.recover, pi, f" {code.upper()}\n", end=end))[0] == "admin.2"
    cam = await joined(pi, "cam", tmp_path / "cam")
    await do(confirm, pi)
    for each in (profile, pi, cam):
        await do(session, each)
    await do(revoke, pi, "cam")
    with pytest.raises(Revoked):
        await do(session, cam)
    shutil.move(lost, profile.folder / "owner")
    if end:
        with pytest.raises(Revoked):
            await do(invite, profile, "eve")
    else:
        await do(invite, profile, "eve")


async def test_a_restored_backup_brings_nobody_back(registry: RegistryHarness, tmp_path: Path):
    """The whole folder of the registry is as it was before; the owner's own list is not."""
    profile = registry.profile
    pi = await joined(profile, "pi", tmp_path / "pi")
    await do(session, pi)
    await registry.stop()
    folder = profile.folder / "registry"
    shutil.copytree(folder, tmp_path / "backup")
    await registry.start()
    late = await joined(profile, "late", tmp_path / "late")
    for name in ("pi", "late"):
        await do(revoke, profile, name)
    await registry.stop()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    await registry.start()
    await do(session, pi)  # the registry has forgotten
    await do(confirm, profile)
    for each in (pi, late):
        with pytest.raises(Revoked):
            await do(session, each)


async def test_the_last_owner_is_not_revoked(registry: RegistryHarness, tmp_path: Path):
    profile = registry.profile
    desk = await anna_of(registry, tmp_path / "desk")
    for keep in ([], ["desk"]):  # anna would fall with who let her in
        with pytest.raises(Conflict, match="admin is the last owner"):
            await do(owners.revoke_owner, profile, "admin", keep)
    await do(session, desk)
    assert await do(owners.revoke_owner, desk, "anna") == 0
    with pytest.raises(Conflict, match="admin is the last owner"):
        await do(owners.revoke_owner, profile, "admin", ["*"])
    await joined(profile, "pi", tmp_path / "pi")


async def test_the_first_owner_goes_where_another_stays(registry: RegistryHarness, tmp_path: Path):
    desk = await anna_of(registry, tmp_path / "desk")
    kept = ["admin~anna", "desk"]
    assert await do(owners.revoke_owner, registry.profile, "admin", kept) == 2
    assert (await joined(desk, "pi", tmp_path / "pi")).machine == "pi"


async def test_a_machine_whose_owner_was_revoked_asks_by_a_new_key(
    registry: RegistryHarness, tmp_path: Path
):
    desk = await anna_of(registry, tmp_path / "desk")
    with pytest.raises(Conflict, match="already"):
        await do(owners.ask, desk)
    await do(owners.revoke_owner, registry.profile, "anna")
    key = await do(owners.ask, desk)
    await do(owners.add, registry.profile, "anna-2", key)
    assert await do(owners.accept, desk) == "admin~anna-2"
    await joined(desk, "cam", tmp_path / "cam")


async def test_no_key_that_is_typed_reads_as_an_option(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    desk = await joined(registry.profile, "desk", tmp_path / "desk")
    drawn = iter(["-a", "--", "a-"])
    monkeypatch.setattr(owners, "b64", lambda public: next(drawn))
    assert await do(owners.ask, desk) == "a-"


async def test_a_key_that_is_none_is_refused_with_where_it_stands(registry: RegistryHarness):
    for name, key in (("anna", "x"), ("anna", "y" * 86), ("Anna", "x"), ("anna", "é")):
        with pytest.raises(BadRequest, match="chatixia owners ask"):
            await do(owners.add, registry.profile, name, key)
