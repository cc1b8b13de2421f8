"""An API key instead of a membership: the queue by polling, plain, unverified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatixia import Agent, connect
from chatixia.assembly import keyless
from chatixia.assembly.keyless import KeylessPort
from chatixia.assembly.rest import Rest
from chatixia.core.ports import Outgoing
from chatixia.errors import BadArguments, ConfigError, RegistryUnreachable, Unreachable
from chatixia.ids import AgentId
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "nothing"))
    monkeypatch.setattr(keyless, "BEAT_S", 0.05)
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


@pytest.fixture
async def key(registry: RegistryHarness) -> str:
    def create() -> str:
        with Rest.owner(registry.profile) as rest:
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
            "outsider", "unverified", "keyless",
        )  # fmt: skip
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


async def test_it_leaves_the_list(registry: RegistryHarness, outsider: Agent, monkeypatch):
    await outsider.stop()
    monkeypatch.setenv("CHATIXIA_HOME", str(registry.home))
    async with connect() as mesh:
        assert await mesh.agents() == []


async def test_a_key_for_another_name_is_refused(registry: RegistryHarness, key: str):
    port = KeylessPort(registry.url, key, "somebody-else")
    port.serve(lambda inc, responder: asyncio.sleep(0), [], 1)
    await port.start()
    with pytest.raises(Exception, match="not for somebody-else"):
        await port.online(10)
    await port.stop()


async def test_a_registry_that_is_away(registry: RegistryHarness, key: str):
    port = KeylessPort("http://127.0.0.1:9", key, "outsider")
    await port.start()
    with pytest.raises(RegistryUnreachable):
        await port.online(0.2)
    assert not port.registry_up
    with pytest.raises(RegistryUnreachable):
        await port.call(Outgoing(AgentId("a"), "x"))
    await port.stop()


async def test_no_key_travels_in_clear(registry: RegistryHarness, key: str):
    with pytest.raises(ConfigError, match="needs `registry`"):
        KeylessPort("", key, "outsider")
    port = KeylessPort("http://192.0.2.1:8080", key, "outsider")
    with pytest.raises(ConfigError, match="in clear"):
        await port.call(Outgoing(AgentId("a"), "x"))
    await port.stop()
