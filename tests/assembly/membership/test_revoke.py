"""Out: who is revoked gets no further, the statement is the owner's, versions rise; leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia import Agent, connect
from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import leave, revoke
from chatixia.assembly.profile.files import read_json
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.revocation import check_revocation, sign_revocation
from chatixia.errors import (
    AlreadyRunning,
    BadSignature,
    ConfigError,
    Denied,
    NotFound,
    RegistryUnreachable,
    Revoked,
)
from chatixia.identity import verify
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Nothing, Serial
from chatixia.wire.trust import Revocation, Revoke, Signed


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


async def do(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return await asyncio.to_thread(work, *args, **more)


async def joined(registry: RegistryHarness, home: Path, name: str = "pi") -> Profile:
    made = await do(invite, registry.profile, name)
    profile: Profile = await do(join, made.string, home=home)
    return profile


def session(profile: Profile) -> str:
    with RegistryClient.machine(profile) as rest:
        return str(rest.call("session", Nothing()).person)


async def test_a_revoked_machine_is_out_at_once(registry: RegistryHarness, tmp_path: Path):
    profile = await joined(registry, tmp_path / "pi")
    rest = RegistryClient.machine(profile)
    assert (await do(rest.call, "session", Nothing())).person == "pi"
    await do(revoke, registry.profile, "pi")
    with pytest.raises(Revoked):  # its token is still young, and no matter
        await do(rest.call, "session", Nothing())
    rest.close()
    with pytest.raises(Revoked):
        await do(session, profile)
    with pytest.raises(Revoked):
        await do(enrol, profile, "weather")


async def test_whoever_is_revoked_hears_of_it_in_the_middle_of_a_call(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    running, ended = asyncio.Semaphore(0), asyncio.Event()
    hen, fox = Agent("hen", slots=8), Agent("fox")

    async def hang() -> None:
        running.release()
        await asyncio.Event().wait()

    hen.skill(hang)
    fox.skill(hang)
    await joined(registry, tmp_path / "pi")
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "pi"))
    async with fox, connect() as pi, asyncio.timeout(30):
        monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
        fox.on_fault = ended.set
        async with hen, connect() as home:
            calls = [
                pi.agent("hen", timeout=600).hang(),
                pi.agent("hen", timeout=600, queue="only").hang(),
                (await pi.submit("hen", "hang")).reply(),
                fox.mesh.agent("hen", timeout=600).hang(),
                home.agent("fox", timeout=600).hang(),
            ]
            asked = [asyncio.ensure_future(call) for call in calls]
            for _ in asked:
                await running.acquire()
            await do(revoke, registry.profile, "pi")
            errors = await asyncio.gather(*asked, return_exceptions=True)
            await ended.wait()
            assert [type(error) for error in errors] == [Revoked] * 5
            assert all(error.outcome == "unknown" for error in errors)
            assert isinstance(fox.fault, Revoked)
            for late in (pi.agent("hen").hang(), pi.agents(), fox.mesh.agent("hen").hang()):
                with pytest.raises(Revoked, match="pi was revoked by the owner"):
                    await late


async def test_the_statement_is_the_owners_and_its_version_rises(
    registry: RegistryHarness, tmp_path: Path
):
    source = registry.profile
    for n, name in enumerate(("pi", "po"), 1):
        await joined(registry, tmp_path / name, name)
        made: Revocation = (await do(revoke, source, name)).statement
        assert (made.id, made.version) == (name, n)
    kept = read_json(source.folder / "owner" / "revocations.json", list[Signed])
    for said, name in zip(kept, ("pi", "po"), strict=True):
        found = check_revocation(said, mesh=source.mesh, owner=source.owner, verify=verify)
        assert found.id == name


async def test_a_machine_that_the_owner_invites_again_is_back(
    registry: RegistryHarness, tmp_path: Path
):
    old = await joined(registry, tmp_path / "old")
    await do(revoke, registry.profile, "pi")
    new = await joined(registry, tmp_path / "new")
    assert await do(session, new) == "pi"
    with pytest.raises(Denied):
        await do(session, old)


async def test_nobody_else_revokes(registry: RegistryHarness, tmp_path: Path):
    profile = await joined(registry, tmp_path / "pi")
    with pytest.raises(ConfigError, match="owner's key"):
        await do(revoke, profile, registry.profile.machine)

    def forge(rest: RegistryClient) -> None:
        made = Revocation(profile.mesh, "default", str(registry.profile.machine), 9, 0, 9)
        statement = sign_revocation(made, profile.machine_keys()[0].sign)
        with rest:
            rest.call("revoke", Revoke(statement, profile.machine_chain))

    with pytest.raises(Denied):
        await do(forge, RegistryClient.machine(profile))
    with pytest.raises(BadSignature):
        await do(forge, RegistryClient.owner(registry.profile))
    assert await do(session, registry.profile) == registry.profile.machine


async def test_an_unknown_name_is_not_found(registry: RegistryHarness):
    with pytest.raises(NotFound, match="nobody-here"):
        await do(revoke, registry.profile, "nobody-here")


async def test_leaving_forgets_the_keys(registry: RegistryHarness, tmp_path: Path):
    profile = await joined(registry, tmp_path / "pi")
    assert await do(leave, profile)
    assert not profile.folder.exists()

    def known() -> Serial:
        with RegistryClient.machine(registry.profile) as rest:
            said: Serial = rest.call("serial", Serial("pi"))
            return said

    assert (await do(known)).key == ""
    again = await joined(registry, tmp_path / "pi")
    assert await do(session, again) == "pi"


async def test_leaving_without_a_registry_or_after_a_revocation(
    registry: RegistryHarness, tmp_path: Path
):
    one = await joined(registry, tmp_path / "pi")
    two = await joined(registry, tmp_path / "po", "po")
    await do(revoke, registry.profile, "pi")
    assert await do(leave, one) == "out"
    await registry.stop()
    assert await do(leave, two) == "away"
    assert not one.folder.exists()
    assert not two.folder.exists()


async def test_no_leaving_under_a_running_agent(registry: RegistryHarness, tmp_path: Path):
    profile = await joined(registry, tmp_path / "pi")
    made = await do(enrol, profile, "weather")
    with pytest.raises(AlreadyRunning, match="weather"):
        await do(leave, profile)
    made.close()
    assert await do(leave, profile)


async def test_the_owner_does_not_leave(registry: RegistryHarness):
    with pytest.raises(ConfigError, match="owner's key"):
        await do(leave, registry.profile)
    assert registry.profile.is_owner


async def test_without_the_registry_nothing_is_signed(registry: RegistryHarness):
    source = registry.profile
    await registry.stop()
    with pytest.raises(RegistryUnreachable):
        await do(revoke, source, "pi")
    assert not (source.folder / "owner" / "revocations.json").exists()
