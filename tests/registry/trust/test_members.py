"""The mirror of the members: pins, serials, status after every change and restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.membership.invite import Invited, invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.serve.up import RunningRegistry, serve
from chatixia.core.ports import Principal
from chatixia.errors import MeshError, Unauthorized
from chatixia.ids import AgentId
from chatixia.registry.trust.members import Members, principal_for
from chatixia.testing.registry import RegistryHarness, options
from chatixia.wire.registry import Serial
from chatixia.world import REAL
from tests.registry.clock import MovedClock
from tests.registry.doors import RunningDoor, agent, dial, enrolled, login, register_frame
from tests.until import until


def members(registry: RegistryHarness) -> Members:
    return registry.running.service.members


async def test_a_login_lists_the_agent_and_its_machine(registry: RegistryHarness):
    await agent(registry, "a")
    known, machine = members(registry), str(registry.profile.machine)
    row = known.holder("a")
    assert row and row.machine == machine and known.highest("a") == row.serial
    assert known.holder(machine) and known.holder("nobody") is None
    await registry.stop()
    await registry.start()
    again = members(registry).holder("a")
    assert again and (again.chain, again.serial, again.key) == (row.chain, row.serial, row.key)


async def test_a_client_is_known_by_its_chain_alone(registry: RegistryHarness):
    who = await enrolled(registry, kind="client")
    await login(registry, who)
    assert members(registry).holder(who.id) is None
    assert members(registry).holder(str(registry.profile.machine))


async def test_an_older_record_is_refused_after_a_newer_one(registry: RegistryHarness):
    first = await agent(registry, "a")
    assert first.who
    old = list(first.who.chain)
    folder = registry.profile.agent_dir("a")
    first.who.close()
    (folder / "chain.json").unlink()  # a new record of the same key, one serial up
    who = await asyncio.to_thread(enrol, registry.profile, "a")
    await login(registry, who)
    who.chain = old
    who.me().chain = old
    peer = await dial(registry)
    await peer.send(**register_frame(who, peer.challenge))
    assert (await peer.next("error"))["code"] in ("bad_chain", "name_taken")
    who.close()


async def test_a_name_of_another_machine_is_taken(registry: RegistryHarness, tmp_path: Path):
    first = await agent(registry, "weather")
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    pi = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    for serial in (0, 7):  # as high a serial as it likes
        thief = await asyncio.to_thread(
            lambda serial=serial: enrol(
                pi,
                "weather",
                data_dir=tmp_path / str(serial),
                ask_registry=lambda profile, name: Serial(name, serial),
            )
        )
        peer = await dial(registry)
        await peer.send(**register_frame(thief, peer.challenge))
        said = await peer.next("error")
        assert said["code"] == "name_taken"
        assert said["message"].endswith(" weather-2 is free.")
        thief.close()
    assert (await first.verb("agents.get", agent_id="weather"))["type"] == "result"


async def test_what_is_not_listed_is_not_current(registry: RegistryHarness):
    known = members(registry)
    with pytest.raises(Unauthorized):
        known.check(Principal(AgentId("ghost"), "agent", machine="m"), 1)
    known.check(Principal(AgentId("admin"), "owner"), 0)
    peer = await agent(registry, "a")
    assert peer.who
    member = known.prove(peer.who.chain)
    who = principal_for(member)
    known.check(who, member.serial)
    with pytest.raises(MeshError):
        known.check(who, member.serial - 1)


async def test_a_taken_name_gets_a_free_one(registry: RegistryHarness):
    await agent(registry, "a")
    said = await members(registry).serial("a")
    assert said.serial >= 1 and said.key and said.free == "a-2" and not said.revoked
    assert (await members(registry).serial("new")).serial == 0


COUNTED = ("members", "standings", "epochs")


def rows(running: RunningRegistry) -> dict[str, int]:
    """How many rows each table of members has."""
    db = running.store.resources.state.tx.db
    return {t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in COUNTED}


async def test_nothing_is_left_of_many_short_clients_and_ephemeral_agents(tmp_path: Path):
    """What ends with its record: rows of members, standings and epochs, and the names."""
    world = MovedClock(REAL)
    running = await serve(options(tmp_path / "home"), world)
    try:
        registry, profile = RunningDoor(running), running.profile
        text = (await asyncio.to_thread(many, profile)).string
        short = await asyncio.to_thread(join, text, machine="w-1", home=tmp_path / "w")
        before = rows(running)
        for n in range(20):
            for who in (
                await asyncio.to_thread(enrol, profile, kind="client"),
                await asyncio.to_thread(enrol, short, f"job-{n}"),
            ):
                await (await login(registry, who)).close()
                who.close()
        full = rows(running)
        known = running.service.members
        assert (full["members"], full["epochs"]) == (before["members"] + 20 + 1, 40)
        world.ahead = 2 * 86_400.0  # the machine of the short ones has a week
        await until(lambda: rows(running)["epochs"] == 0)
        assert await until(lambda: known.holder("job-1") is None)
        assert rows(running)["members"] == before["members"] + 1
        assert known.holder("w-1")
        world.ahead += 6 * 86_400.0
        await until(lambda: known.holder("w-1") is None)
        machine = {"members": before["members"] - 1 + 1, "standings": before["standings"] - 1 + 1}
        assert rows(running) == {**machine, "epochs": 0}
    finally:
        await running.stop()


def many(profile: Profile) -> Invited:
    return invite(profile, "w-*", reusable=True, ephemeral=True)
