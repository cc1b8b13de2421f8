"""Revoked is out at once, everywhere, with what it signed; leaving is by one's own will."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import revoke
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.revocation import check_revocation
from chatixia.errors import MeshError, NotFound, Revoked, Unauthorized
from chatixia.identity import verify
from chatixia.registry.work.removal import Removal
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate, KeyRef, Nothing, Serial
from chatixia.wire.signed import b64
from chatixia.wire.trust import Revoke, Signed
from tests.registry.doors import (
    HANG,
    OPENED,
    agent,
    dial,
    enrolled,
    http_call,
    login,
    person,
    register_frame,
    token_of,
)


async def test_a_revoked_agent_is_out_and_its_peers_are_told(registry: RegistryHarness):
    bad, good = await agent(registry, "bad"), await agent(registry, "good")
    token = f"Bearer {await token_of(bad)}"
    assert (await http_call(registry, "GET", "/api/status", authorization=token)).status == 200
    await asyncio.to_thread(revoke, registry.profile, "bad")
    statement = (await good.next("revoked"))["statement"]
    said = check_revocation(
        Signed(**statement),
        mesh=registry.profile.mesh,
        owner=registry.profile.owner,
        verify=verify,
    )
    assert said.id == "bad"
    assert (await bad.next("error"))["code"] == "revoked"
    assert await bad.closed() == 1008
    answer = await http_call(registry, "GET", "/api/status", authorization=token)
    assert (answer.status, answer.code) == (403, "revoked")
    assert bad.who
    for _ in range(2):  # also after a restart
        peer = await dial(registry)
        await peer.send(**register_frame(bad.who, peer.challenge))
        assert (await peer.next("error"))["code"] == "revoked"
        await registry.stop()
        await registry.start()
    assert good.who
    again = await login(registry, good.who)
    assert len(again.welcome["revoked"]) == 1


async def test_a_machine_takes_its_agents_with_it(registry: RegistryHarness, tmp_path: Path):
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    pi = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    who = await asyncio.to_thread(enrol, pi, "sensor")
    OPENED.insert(0, _closing(who))
    sensor = await login(registry, who)
    await asyncio.to_thread(revoke, registry.profile, "pi")
    assert (await sensor.next("error"))["code"] == "revoked"

    def ask() -> None:
        with RegistryClient.machine(pi) as rest:
            rest.call("status", Nothing())

    with pytest.raises(Revoked):
        await asyncio.to_thread(ask)


async def test_the_waiting_work_of_a_revoked_machine_ends_with_it(
    registry: RegistryHarness, tmp_path: Path
):
    """Given out to nobody, also by a registry that died between the statement and its work."""
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    pi = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    client = await login(registry, await enrolled(registry, kind="client", profile=pi))
    sensor = await login(registry, await enrolled(registry, "sensor", profile=pi))
    asker = await agent(registry, "asker")
    payload = {"plain": None}
    mine = await client.verb("tasks.submit", skill="echo", payload=payload)
    theirs = await sensor.verb("tasks.submit", skill="echo", payload=payload)
    for_it = await asker.verb("tasks.submit", target_agent_id="sensor", skill="s", payload=payload)
    tasks = [said["body"]["task_id"] for said in (mine, theirs, for_it)]
    await asyncio.to_thread(revoke, registry.profile, "pi")
    store = registry.running.store
    ends = [(await store.tasks.get("default", id))[1] for id in tasks]
    assert [task.error and task.error.code for task in ends] == [
        "revoked",
        "revoked",
        "unknown_agent",
    ]
    late = await asker.verb("tasks.submit", target_agent_id="sensor", skill="s", payload=payload)
    assert late["code"] == "unknown_agent"


async def test_what_a_dead_registry_left_of_a_revoked_one_ends_at_the_next_start(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    async def dead(*rest: object, **more: object) -> None:
        """It died before this."""

    bad = await agent(registry, "bad")
    said = await bad.verb("tasks.submit", skill="echo", payload={"plain": None})
    key = await registry.running.service.trust.keys.create(person(), KeyCreate("script"))
    sent = await http_call(
        registry,
        "POST",
        "/api/hub/tasks",
        {"skill": "echo", "payload": {"plain": None}},
        x_api_key=key.key,
    )
    with monkeypatch.context() as patched:
        patched.setattr(Removal, "run", dead)
        await asyncio.to_thread(revoke, registry.profile, "bad")
        await registry.running.service.trust.keys.revoke(person(), KeyRef(key.id))
    waiting = (said["body"]["task_id"], sent.json["task_id"])
    store = registry.running.store
    assert [(await store.tasks.get("default", id))[1].state for id in waiting] == ["pending"] * 2
    await registry.stop()
    await registry.start()
    store, news = registry.running.store, asyncio.Event()
    deaf = store.listen(lambda notices: news.set())
    async with asyncio.timeout(HANG):
        while True:
            news.clear()
            ends = [(await store.tasks.get("default", id))[1] for id in waiting]
            if all(task.state != "pending" for task in ends):
                break
            await news.wait()
    deaf()
    assert [(task.state, task.error and task.error.code) for task in ends] == [
        ("canceled", "revoked")
    ] * 2


async def test_the_waiting_work_of_a_revoked_key_ends_and_its_successor_keeps_its_own(
    registry: RegistryHarness,
):
    keys, bodies = (
        registry.running.service.trust.keys,
        {"skill": "echo", "payload": {"plain": None}},
    )
    ids, made = [], []
    for _ in range(2):
        made.append(await keys.create(person(), KeyCreate("script")))
        sent = await http_call(registry, "POST", "/api/hub/tasks", bodies, x_api_key=made[-1].key)
        ids.append(sent.json["task_id"])
        await keys.revoke(person(), KeyRef(made[0].id))  # the second time it is the first, again
    store = registry.running.store
    assert [(await store.tasks.get("default", id))[1].state for id in ids] == [
        "canceled",
        "pending",
    ]


def _closing(who: object) -> object:
    async def close() -> None:
        who.close()  # type: ignore[attr-defined]

    return close


async def test_only_the_owners_statement_counts(registry: RegistryHarness):
    await agent(registry, "a")

    def forge() -> None:
        with RegistryClient.owner(registry.profile) as rest:
            rest.call("revoke", Revoke(Signed(b64(b"{}"), b64(bytes(64)))))

    with pytest.raises(MeshError) as found:
        await asyncio.to_thread(forge)
    assert found.value.code == "bad_signature"
    with pytest.raises(NotFound):
        await asyncio.to_thread(revoke, registry.profile, "nobody")


async def test_leaving_ends_sockets_and_tokens(registry: RegistryHarness):
    a = await agent(registry, "a")
    token = f"Bearer {await token_of(a)}"
    await a.verb("leave")
    await a.closed()
    answer = await http_call(registry, "GET", "/api/status", authorization=token)
    assert answer.code == Unauthorized.code

    def serial() -> Serial:
        with RegistryClient.owner(registry.profile) as rest:
            found: Serial = rest.call("serial", Serial("a"))
            return found

    left = await asyncio.to_thread(serial)
    assert left.serial > 0 and not left.revoked and not left.key
