"""Inviting and joining at a real registry, by the code that the commands use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.membership.invite import invite, waiting
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import revoke
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.errors import BadInvitation, Denied, MeshError, NameTaken, NotFound, Unavailable
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.trust import InviteRef, Join
from tests.registry.doors import agent, http_call
from tests.until import until


async def test_a_machine_joins_and_its_owner_hears_of_it(registry: RegistryHarness, tmp_path: Path):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    waits = asyncio.create_task(asyncio.to_thread(waiting, registry.profile, invited.key, 20_000))
    joined = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    assert joined.machine == "pi" and joined.mesh == registry.profile.mesh
    said = await waits
    assert (said.state, said.joined) == ("redeemed", "pi") and said.joined_from
    assert not (joined.folder / "owner").exists() and not (joined.folder / "registry").exists()


async def test_an_invitation_used_twice_at_once_joins_one(
    registry: RegistryHarness, tmp_path: Path
):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    results = await asyncio.gather(
        *(asyncio.to_thread(join, invited.string, home=tmp_path / str(n)) for n in range(4)),
        return_exceptions=True,
    )
    refused = [r for r in results if isinstance(r, MeshError)]
    assert len(refused) == 3 and all(isinstance(r, Denied) for r in refused), results


async def test_a_living_name_is_not_invited_again(registry: RegistryHarness, tmp_path: Path):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    with pytest.raises(NameTaken):
        await asyncio.to_thread(invite, registry.profile, "pi")


async def test_who_waits_for_an_invitation_hears_that_it_is_withdrawn(registry: RegistryHarness):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    waits = asyncio.create_task(asyncio.to_thread(waiting, registry.profile, invited.key, 20_000))
    out = await asyncio.to_thread(revoke, registry.profile, "pi")
    assert (out.member, out.invitations) == (False, 1)
    assert (await waits).state == "withdrawn"


async def test_an_unknown_invitation_is_not_found(registry: RegistryHarness):
    def ask() -> None:
        with RegistryClient.owner(registry.profile) as rest:
            rest.call("invite.get", InviteRef("0" * 16))

    with pytest.raises(NotFound):
        await asyncio.to_thread(ask)


async def test_guessing_keys_and_nonces_joins_nobody(registry: RegistryHarness):
    begin = {"key": "A" * 43, "nonce": "A" * 22}
    answer = await http_call(registry, "POST", "/api/join/begin", begin)
    assert answer.code == BadInvitation.code
    body = {"chain": [], "nonce": "A" * 22, "sig": ""}
    answer = await http_call(registry, "POST", "/api/join", body)
    assert answer.code == BadInvitation.code
    for _ in range(30):
        answer = await http_call(registry, "POST", "/api/join/begin", begin)
    assert answer.code == "busy" and answer.headers["retry-after"]


async def test_wrong_join_strings_never_stop_an_honest_join(
    registry: RegistryHarness, tmp_path: Path
):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    begin = {"key": "A" * 43, "nonce": "A" * 22}
    for _ in range(240):
        answer = await http_call(registry, "POST", "/api/join/begin", begin)
    assert answer.code == "busy"
    joined = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    assert joined.machine == "pi"


async def test_a_tunnels_name_is_learned_from_the_owner(registry: RegistryHarness):
    assert (await http_call(registry, "GET", "/healthz", host="t.example")).status == 400
    via = ["https://t.example"]
    await asyncio.to_thread(lambda: invite(registry.profile, "pi", via=via))
    for _ in range(2):
        assert (await http_call(registry, "GET", "/healthz", host="t.example")).status == 200
        peer = await agent(registry, "a")
        assert (await peer.next("config"))["addresses"] == [registry.url, *via]
        assert peer.who
        await peer.close()
        peer.who.close()
        await registry.stop()
        await registry.start()


def test_a_join_is_what_the_wire_says():
    assert Join.__struct_fields__[:3] == ("chain", "nonce", "sig")


async def test_a_registry_that_stops_answers_those_who_wait(registry: RegistryHarness):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    waits = asyncio.create_task(asyncio.to_thread(waiting, registry.profile, invited.key, 20_000))
    joining = registry.running.service.trust.joining
    await until(lambda: len(joining.waiters))
    joining.close()
    with pytest.raises(Unavailable, match="is stopping"):
        await asyncio.wait_for(waits, 10)
    with pytest.raises(Unavailable):
        await asyncio.to_thread(waiting, registry.profile, invited.key, 20_000)
