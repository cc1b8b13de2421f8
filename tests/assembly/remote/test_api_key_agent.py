"""An API key instead of a membership: the queue by polling, plain, unverified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatixia import Agent, connect
from chatixia.assembly.remote import api_key_agent
from chatixia.assembly.remote.api_key_agent import ApiKeyPort
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core import route
from chatixia.core.ports import Outgoing
from chatixia.errors import (
    BadArguments,
    Cancelled,
    ConfigError,
    DeadlineExceeded,
    Denied,
    MeshError,
    Overloaded,
    RegistryUnreachable,
    Unauthorized,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import Beat, KeyCreate, KeyRef, Nothing, RegisterAgent
from chatixia.wire.tasks import Body, Claim, Grants, Held, Query, Renew, Submit, Submitted, Task
from chatixia.world import task_id
from tests.store.control.kit import OWNER
from tests.until import until


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "nothing"))
    monkeypatch.setattr(api_key_agent, "BEAT_S", 0.05)
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


@pytest.fixture
async def key(registry: RegistryHarness) -> str:
    def create() -> str:
        with RegistryClient.owner(registry.profile) as rest:
            return str(rest.call("keys.create", KeyCreate("outsider")).key)

    return await asyncio.to_thread(create)


@pytest.fixture
async def outsider(registry: RegistryHarness, key: str, tmp_path: Path) -> AsyncIterator[Agent]:
    from chatixia.agent.manifest import load

    (tmp_path / "agent.yaml").write_text(
        f"name: outsider\nregistry: {registry.url}\nsidecar: {{api_key: {key}}}"
    )
    agent = Agent("outsider")
    agent.loaded = load(tmp_path)

    @agent.skill
    async def echo(data: str) -> str:
        return data

    @agent.prompt
    async def reply(text: str) -> str:
        return f"heard {text}"

    async with agent:
        yield agent


async def test_it_serves_through_the_queue(
    registry: RegistryHarness, outsider: Agent, monkeypatch: pytest.MonkeyPatch
):
    assert "key none, unverified" in outsider.banner()
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    async with connect() as mesh:
        (listed,) = await mesh.agents()
        assert (listed.agent_id, listed.trust, listed.mode) == (
            "outsider",
            "unverified",
            "keyless",
        )
        reply = await mesh.agent("outsider", queue="only").call("echo", {"data": "x"})
        assert (reply.value, reply.via) == ("x", "queue, plain")
        with pytest.raises(BadArguments, match="echo: the argument data is missing"):
            await mesh.agent("outsider", queue="only").echo()


async def test_it_calls_through_the_queue(
    registry: RegistryHarness, outsider: Agent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    member = Agent("member")

    @member.skill
    def twice(n: int) -> int:
        return n * 2

    async with member:
        reply = await outsider.mesh.agent("member").call("twice", {"n": 2})
        assert (reply.value, reply.via, reply.agent) == (4, "queue, plain", "member")
        with pytest.raises(BadArguments, match="twice: n: expected int, got str"):
            await outsider.mesh.agent("member").twice(n="x")
        assert await (await outsider.mesh.submit("member", "twice", {"n": 3})) == 6
    for call in (outsider.mesh.ping("a"), outsider.mesh.agent("a", queue="never").echo()):
        with pytest.raises(Unreachable, match="join the mesh"):
            await call
    with pytest.raises(Unreachable, match="join the mesh"):
        async with outsider.mesh.agent("a").stream("x"):
            pass
    assert list(outsider.mesh.links()) == []


async def test_nobody_waits_for_a_link_that_cannot_be(
    registry: RegistryHarness, outsider: Agent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    monkeypatch.setattr(route, "PATIENCE", 600.0)  # how long it would wait for a link
    async with connect() as mesh, asyncio.timeout(60):
        for _ in range(2):  # the first asks the directory, the next knows
            reply = await mesh.agent("outsider", timeout=600).call("echo", {"data": "x"})
            assert (reply.value, reply.via) == ("x", "queue, plain")
            reply = await mesh.any("echo", timeout=600).call("echo", {"data": "y"})
            assert (reply.value, reply.via) == ("y", "queue, plain")
            async with mesh.agent("outsider", timeout=600).ask("hi") as pieces:
                assert ([piece async for piece in pieces], pieces.via) == (
                    ["heard hi"],
                    "queue, plain",
                )
            assert await mesh.agent("outsider", timeout=600).ask("ho") == "heard ho"
            direct = mesh.agent("outsider", timeout=600, queue="never")
            anyone = mesh.any("echo", timeout=600, queue="never")
            for refused in (direct.echo(data="x"), anyone.echo(data="x"), direct.ask("hi").reply()):
                with pytest.raises(Unreachable, match="outsider has no key of its own") as caught:
                    await refused
                assert not caught.value.retryable and caught.value.outcome == "definite"
        (receipt,) = await mesh.broadcast("all", timeout=600)
        assert (receipt.ok, receipt.code) == (False, "unreachable")


async def test_a_call_by_skill_takes_who_can_be_linked_first(
    registry: RegistryHarness, outsider: Agent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    member = Agent("member")

    @member.skill
    async def echo(data: str) -> str:
        return data

    async with member, connect() as mesh:
        for _ in range(3):
            reply = await mesh.any("echo").call("echo", {"data": "x"})
            assert (reply.agent, reply.via) == ("member", "direct")


async def test_it_says_that_the_registry_is_lost_and_back(
    registry: RegistryHarness, outsider: Agent, caplog: pytest.LogCaptureFixture
):
    async def says(up: bool) -> None:
        await until(lambda: ("online" in outsider.banner()) is up)

    await says(up=True)
    await registry.stop()
    await says(up=False)
    await registry.start()
    await says(up=True)
    said = [r.getMessage() for r in caplog.records if r.getMessage().startswith("outsider: ")]
    assert [line.split(" is ")[1].split()[0] for line in said] == ["lost;", "back"]


async def test_it_leaves_the_list(registry: RegistryHarness, outsider: Agent, monkeypatch):
    await outsider.stop()
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    async with connect() as mesh:
        assert await mesh.agents() == []


async def test_a_key_for_another_name_is_refused(registry: RegistryHarness, key: str):
    port = ApiKeyPort(registry.url, key, "somebody-else")
    port.serve(lambda inc, responder: asyncio.sleep(0), [], 1)
    await port.start()
    with pytest.raises(Exception, match="not for somebody-else"):
        await port.online(10)
    await port.stop()


async def test_a_registry_that_is_away(registry: RegistryHarness, key: str):
    port = ApiKeyPort("http://127.0.0.1:9", key, "outsider")
    await port.start()
    with pytest.raises(RegistryUnreachable):
        await port.online(0.2)
    assert not port.registry_up
    with pytest.raises(RegistryUnreachable):
        await port.call(Outgoing(AgentId("a"), "x"))
    await port.stop()


async def test_no_key_travels_in_clear(registry: RegistryHarness, key: str):
    with pytest.raises(ConfigError, match="needs `registry`"):
        ApiKeyPort("", key, "outsider")
    port = ApiKeyPort("http://192.0.2.1:8080", key, "outsider")
    with pytest.raises(ConfigError, match="in clear"):
        await port.call(Outgoing(AgentId("a"), "x"))
    await port.stop()


class Lossy(ApiKeyPort):
    """A key-less port; of ``losing[verb]`` requests the last one reaches the registry, and none
    gets its answer."""

    def __init__(self, *args):
        super().__init__(*args)
        self.losing, self.asked, self.runs = {}, [], []

    async def verb(self, name, request, timeout=10.0):
        self.asked.append(name)
        left = self.losing.get(name, 0)
        answer = await super().verb(name, request, timeout) if left < 2 else None
        if left:
            self.losing[name] = left - 1
            raise RegistryUnreachable(outcome="unknown")
        return answer

    async def handle(self, incoming, responder):
        self.runs.append(incoming.fence)
        responder.reply(b'"done"')


@pytest.fixture
async def lossy(registry: RegistryHarness, key: str) -> AsyncIterator[Lossy]:
    port = Lossy(registry.url, key, "outsider")
    port.serve(port.handle, [SkillInfo("echo")], 2)
    await port.start()
    await port.online(10)
    yield port
    await port.stop()


@pytest.mark.parametrize("verb", ["tasks.claim", "tasks.complete", "heartbeat"])
async def test_a_lost_answer_loses_no_work_and_no_result(
    registry: RegistryHarness, lossy: Lossy, verb: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    async with connect() as mesh:
        lossy.losing[verb] = 2
        echo = mesh.agent("outsider", timeout=20, queue="only").echo(data="x")
        assert await echo == "done"
    await until(lambda: lossy.losing[verb] == 0)
    assert len(lossy.runs) == 1


def held(said: Grants) -> list[Held]:
    return [Held(one.task.id, one.fence) for one in said.grants]


async def test_a_beat_renews_only_what_runs_here(registry: RegistryHarness, key: str):
    """What a process that died held is not held for ever by the one that came after it."""
    port = ApiKeyPort(registry.url, key, "outsider")
    await port.verb("agents.register", RegisterAgent("outsider", "here"))
    ask = Submit(id=task_id(), skill="echo", payload=msgspec.Raw(b'{"plain":1}'))
    running = registry.running.service
    await running.tasks.submit(OWNER, ask)
    first = await port.verb("tasks.claim", Claim("c1", 1, ["echo"]))
    until = (await registry.running.store.leases.leased())[0].lease
    await port.verb("heartbeat", Beat("outsider", skill_names=["echo"], polls=False))
    assert (await registry.running.store.leases.leased())[0].lease == until
    (renewed,) = (await port.verb("tasks.renew", Renew(held(first)))).leases
    assert renewed.lease_ms == 60_000
    assert (await registry.running.store.leases.leased())[0].lease > until
    await port.stop()


async def test_a_key_that_is_revoked_ends_the_knocking(
    registry: RegistryHarness, lossy: Lossy, caplog: pytest.LogCaptureFixture
):
    def revoke() -> None:
        with RegistryClient.owner(registry.profile) as rest:
            (one,) = rest.call("keys.list", Nothing()).keys
            rest.call("keys.revoke", KeyRef(one.id))

    await asyncio.to_thread(revoke)
    await until(lambda: not lossy.registry_up)
    n = len(lossy.asked)
    for _ in range(20):
        await asyncio.sleep(api_key_agent.BEAT_S)
    assert len(lossy.asked) == n
    (said,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "`chatixia keys create outsider`" in said and "sidecar.api_key" in said


async def test_a_registry_that_refuses_is_asked_less_and_less(
    lossy: Lossy, monkeypatch: pytest.MonkeyPatch
):
    assert lossy.pause_after(RegistryUnreachable(), 9) == api_key_agent.BEAT_S
    assert lossy.pause_after(Overloaded(), 2) == api_key_agent.BEAT_S * 4
    assert lossy.pause_after(Overloaded(), 99) <= api_key_agent.SLOW_S
    assert lossy.pause_after(Denied(), 1) == api_key_agent.REFUSED_S


class Broken(ApiKeyPort):
    """A key-less port whose verbs end as told, in order; the last one again and again."""

    def __init__(self, *ends):
        super().__init__("http://127.0.0.1:9", "key", "outsider")
        self.ends = list(ends)

    async def verb(self, name, request, timeout=10.0):
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, MeshError):
            raise end
        return end


LOST = RegistryUnreachable("It broke off.", outcome="unknown")


@pytest.mark.parametrize(
    "ends",
    [
        (LOST, RegistryUnreachable()),
        (LOST, Denied()),
        (LOST, Overloaded(), DeadlineExceeded(outcome="definite")),
        (Submitted("t_" + "a" * 26), Unauthorized()),
        (Submitted("t_" + "a" * 26), RegistryUnreachable()),
    ],
)
async def test_once_it_may_be_in_the_queue_a_call_never_ends_definite(
    ends: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(api_key_agent, "POLL_S", 0.01)
    port = Broken(*ends)
    port.up = True
    with pytest.raises(MeshError) as raised:
        await port.call(Outgoing(AgentId("a"), "x", timeout=0.1))
    assert raised.value.outcome == "unknown"
    await port.stop()


async def test_an_idempotent_call_by_skill_leaves_an_agent_that_lost_its_task(
    registry: RegistryHarness, outsider: Agent, monkeypatch: pytest.MonkeyPatch
):
    """Who refuses it is not waited for: it would be given the same work again after a while."""
    monkeypatch.setattr(api_key_agent, "POLL_S", 0.05)
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    begun: list[str] = []
    one, two = Agent("one"), Agent("two")

    def add(agent: Agent) -> None:
        @agent.skill
        def work() -> str:
            begun.append(agent.name)
            if len(begun) == 1:
                raise Overloaded("Not now.")
            return agent.name

    for agent in (one, two):
        add(agent)
    async with one, two:
        anyone = outsider.mesh.any("work", idempotent=True, timeout=60)
        assert await anyone.work() in ("one", "two")
        assert sorted(begun) == ["one", "two"]
        rows = (await outsider.mesh.verb("tasks.list", Query())).tasks
        assert {row.state for row in rows} <= {"canceled", "completed"}


async def test_a_lost_answer_to_a_submit_is_asked_for_under_its_key(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(api_key_agent, "POLL_S", 0.01)
    ended = Task("t_" + "a" * 26, "completed", result=Body(plain=msgspec.Raw(b"7")))
    port = Broken(LOST, RegistryUnreachable(), LOST, Submitted(ended.id), ended)
    assert (await port.call(Outgoing(AgentId("a"), "x", timeout=20))).value == b"7"
    await port.stop()


async def test_a_canceled_task_is_one_error():
    port = ApiKeyPort("https://127.0.0.1:1", "key", "outsider")

    async def verb(name: str, request: Any, timeout: float = 10.0) -> Any:
        row = Task("t", "canceled", "echo", "bob", "outsider")
        return Submitted("t", "pending") if name == "tasks.submit" else row

    port.verb = verb  # type: ignore[method-assign]
    port.up = True
    with pytest.raises(Cancelled) as caught:
        await port.call(Outgoing(AgentId("bob"), "echo"))
    assert (caught.value.agent, caught.value.via) == ("bob", "queue, plain")
    port.hang_up()
