"""Joining over a real registry: the ways in, and everybody who must stay out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.membership.invite import invite, waiting
from chatixia.assembly.membership.join import join
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.join import decode, encode
from chatixia.core.membership import check_chain
from chatixia.core.record import read_record
from chatixia.errors import (
    BadInvitation,
    BadSignature,
    Conflict,
    Denied,
    MeshError,
    NameTaken,
    RegistryUnreachable,
    WrongMesh,
)
from chatixia.identity import verify
from chatixia.peer.control.connection import PinnedConnection
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import AgentQuery, Nothing
from chatixia.wire.signed import unb64
from tests.assembly.proxy import Authority, Proxy


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


async def do(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return await asyncio.to_thread(work, *args, **more)


async def invited(registry: RegistryHarness, name: str = "pi", **more: Any) -> str:
    return str((await do(invite, registry.profile, name, **more)).string)


def changed(text: str, **fields: Any) -> str:
    return encode(msgspec.structs.replace(decode(text), **fields))


def nothing_left(home: Path) -> bool:
    return {path.name for path in home.iterdir()} <= {".home.joining"}


def session(profile: Profile) -> str:
    with RegistryClient.machine(profile) as rest:
        return str(rest.call("session", Nothing()).person)


async def test_a_machine_joins_and_its_agents_need_nothing_more(
    registry: RegistryHarness, tmp_path: Path
):
    joined: Profile = await do(join, await invited(registry), home=tmp_path / "pi")
    source = registry.profile
    assert (joined.machine, joined.mesh, joined.owner) == ("pi", source.mesh, source.owner)
    assert joined.registry_key == source.registry_key
    assert joined.registries[0] == registry.url
    assert not joined.is_owner
    found = check_chain(
        joined.machine_chain, mesh=joined.mesh, now=joined.clock.now(), verify=verify
    )
    assert [record.kind for record in found.records] == ["machine", "invitation", "owner"]
    assert await do(session, joined) == "pi"
    made = await do(enrol, joined, "weather")
    assert made.record.serial == 1
    made.close()
    assert {p.name for p in (tmp_path / "pi").iterdir()} == {"home", ".home.joining", ".home.lock"}


async def test_over_tls_with_the_registrys_own_certificate(tmp_path: Path):
    async with RegistryHarness(tmp_path / "registry", public=["localhost"]) as registry:
        urls = registry.running.started.urls
        tls = next(url for url in urls if url.startswith("https"))
        text = changed(await invited(registry), addresses=(tls.removeprefix("https://"),))
        joined: Profile = await do(join, text, home=tmp_path / "pi")
        assert joined.registries[0] == tls
        assert await do(session, joined) == "pi"


async def test_through_a_tunnel(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    authority = Authority(tmp_path / "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.roots))
    async with Proxy(int(registry.url.rpartition(":")[2]), authority.context()) as tunnel:
        text = changed(await invited(registry), addresses=(f"localhost:{tunnel.port}",))
        joined: Profile = await do(join, text, home=tmp_path / "pi")
        assert joined.registries[0] == tunnel.url


async def test_a_man_in_the_middle_learns_nothing(tmp_path: Path):
    own = Authority(tmp_path / "ca").context()
    async with RegistryHarness(tmp_path / "registry", public=["localhost"]) as registry:
        tls = next(url for url in registry.running.started.urls if url.startswith("https"))
        port = int(tls.rpartition(":")[2])
        async with Proxy(port, own, onward_tls=True) as middle:
            text = changed(await invited(registry), addresses=(f"localhost:{middle.port}",))
            with pytest.raises(BadSignature):
                await do(join, text, home=tmp_path / "pi")
            assert b"/api/join/begin" in middle.seen
            assert b"POST /api/join " not in middle.seen
    assert nothing_left(tmp_path / "pi")


FOREIGN = {"mesh": {"mesh": b"m" * 16}, "registry": {"registry": b"r" * 16}}


@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN)
async def test_a_foreign_mesh_or_key_in_the_string_joins_nobody(
    registry: RegistryHarness, tmp_path: Path, fields: dict[str, bytes]
):
    async with Proxy(int(registry.url.rpartition(":")[2])) as way:
        text = changed(await invited(registry), addresses=(f"localhost:{way.port}",), **fields)
        with pytest.raises(WrongMesh):
            await do(join, text, home=tmp_path / "pi")
        assert b"/api/join/begin" in way.seen
        assert b"POST /api/join " not in way.seen
    assert nothing_left(tmp_path / "pi")


async def test_a_string_for_another_registry_joins_nobody(
    registry: RegistryHarness, tmp_path: Path
):
    async with RegistryHarness(tmp_path / "foreign") as foreign:
        text = changed(await invited(registry), addresses=decode(await invited(foreign)).addresses)
        with pytest.raises((BadInvitation, WrongMesh)):
            await do(join, text, home=tmp_path / "pi")


async def test_a_wrong_secret_joins_nobody(registry: RegistryHarness, tmp_path: Path):
    with pytest.raises(BadInvitation):
        await do(join, changed(await invited(registry), secret=b"s" * 16), home=tmp_path / "pi")
    assert nothing_left(tmp_path / "pi")


async def attempt(text: str, home: Path, **more: Any) -> Any:
    try:
        return await do(join, text, home=home, **more)
    except MeshError as error:
        return error


async def test_used_by_many_at_once_it_joins_one(registry: RegistryHarness, tmp_path: Path):
    text = await invited(registry)
    ends = await asyncio.gather(*(attempt(text, tmp_path / f"home-{n}") for n in range(4)))
    joined = [end for end in ends if isinstance(end, Profile)]
    assert len(joined) == 1, ends
    assert all(isinstance(end, Profile | Denied) for end in ends)
    late = await attempt(text, tmp_path / "late")
    assert isinstance(late, BadInvitation)
    assert "was used" in late.message
    assert await do(session, joined[0]) == "pi"


async def test_a_broken_joining_is_taken_up_again(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The registry accepted, the answer was lost: the same string and the same keys go on."""
    text = await invited(registry)
    real = PinnedConnection.call

    def lost(self: PinnedConnection, name: str, request: msgspec.Struct, token: str = "") -> Any:
        said = real(self, name, request, token)
        if name == "join":
            raise RegistryUnreachable("broke off")
        return said

    with monkeypatch.context() as patch:
        patch.setattr(PinnedConnection, "call", lost)
        with pytest.raises(RegistryUnreachable):
            await do(join, text, home=tmp_path / "pi")
    joined: Profile = await do(join, text, home=tmp_path / "pi")
    assert await do(session, joined) == "pi"


async def test_an_expired_invitation_joins_nobody(registry: RegistryHarness, tmp_path: Path):
    """The registry alone judges `redeem_by`, by its store's clock."""
    made = await do(invite, registry.profile, "pi", within=1)
    assert (await do(waiting, registry.profile, made.key, 2500)).state == "expired"
    with pytest.raises(BadInvitation):
        await do(join, made.string, home=tmp_path / "pi")
    assert nothing_left(tmp_path / "pi")


async def test_a_reusable_invitation_serves_many(registry: RegistryHarness, tmp_path: Path):
    text = await invited(
        registry, "worker-*", reusable=True, ephemeral=True, names=["worker-*", "job-*"]
    )
    one: Profile = await do(join, text, machine="worker-1", home=tmp_path / "a")
    two: Profile = await do(join, text, home=tmp_path / "b")
    assert one.machine == "worker-1"
    assert two.machine.startswith("worker-")
    assert two.machine != one.machine
    assert one.ephemeral
    made = await do(enrol, one, "job-7")
    assert made.record.ephemeral
    made.close()
    with pytest.raises(Denied, match="name"):
        await do(enrol, one, "weather")
    with pytest.raises(BadInvitation, match=r"names like worker-\*"):
        await do(join, text, machine="other", home=tmp_path / "c")
    for name in ("worker-A", f"worker-{'x' * 50}"):
        with pytest.raises(BadInvitation, match="use lower-case letters.* at most 56"):
            await do(join, text, machine=name, home=tmp_path / "c")
    with pytest.raises(NameTaken):
        await do(join, text, machine="worker-1", home=tmp_path / "d")


async def test_an_ephemeral_machine_has_a_week_and_its_agents_a_day(
    registry: RegistryHarness, tmp_path: Path
):
    text = await invited(registry, "w-*", reusable=True, ephemeral=True, most=2)
    one: Profile = await do(join, text, machine="w-1", home=tmp_path / "a")
    now = one.clock.now()
    machine = read_record(unb64(one.machine_chain[0].b))
    assert abs(now + 7 * 86_400 - machine.not_after) < 60
    made = await do(enrol, one, "job")
    assert abs(now + 86_400 - made.record.not_after) < 60
    made.close()
    await do(join, text, machine="w-2", home=tmp_path / "b")
    with pytest.raises(BadInvitation, match="for 2 machines, and all have joined"):
        await do(join, text, machine="w-3", home=tmp_path / "c")
    bounded = await invited(
        registry, "x-*", reusable=True, ephemeral=True, not_after=int(now) + 90 * 86_400
    )
    long: Profile = await do(join, bounded, machine="x-1", home=tmp_path / "d")
    assert read_record(unb64(long.machine_chain[0].b)).not_after == int(now) + 90 * 86_400


async def test_an_invitation_is_for_its_name(registry: RegistryHarness, tmp_path: Path):
    with pytest.raises(BadInvitation, match="for pi, not other"):
        await do(join, await invited(registry), machine="other", home=tmp_path / "pi")


async def test_a_machine_that_is_in_a_mesh_says_so(registry: RegistryHarness, tmp_path: Path):
    await do(join, await invited(registry), home=tmp_path / "pi")
    with pytest.raises(Conflict, match="already joined this mesh, as pi"):
        await do(join, await invited(registry, "po"), home=tmp_path / "pi")
    foreign = changed(await invited(registry, "pu"), mesh=b"m" * 16)
    with pytest.raises(Conflict, match="--mesh"):
        await do(join, foreign, home=tmp_path / "pi")
    second: Profile = await do(join, await invited(registry, "pa"), "lab", home=tmp_path / "pi")
    assert (second.name, second.machine) == ("lab", "pa")


async def test_two_joinings_of_one_home_at_once_are_one(registry: RegistryHarness, tmp_path: Path):
    text = await invited(registry)
    ends = await asyncio.gather(*(attempt(text, tmp_path / "pi") for _ in range(3)))
    assert sorted(type(end).__name__ for end in ends) == ["Conflict", "Conflict", "Profile"]


async def test_nobody_there(tmp_path: Path, registry: RegistryHarness):
    text = changed(await invited(registry), addresses=("127.0.0.1:1",))
    with pytest.raises(RegistryUnreachable, match="127.0.0.1:1"):
        await do(join, text, home=tmp_path / "pi")


async def test_a_joined_machine_is_no_owner(registry: RegistryHarness, tmp_path: Path):
    joined: Profile = await do(join, await invited(registry), home=tmp_path / "pi")

    def list_keys() -> Any:
        with RegistryClient.machine(joined) as rest:
            rest.call("agents.list", AgentQuery())
            return rest.call("keys.list", Nothing())

    with pytest.raises(Denied):
        await do(list_keys)
