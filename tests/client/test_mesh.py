"""A program's view of a mesh."""

from __future__ import annotations

import pytest

from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh
from chatixia.errors import DeadlineExceeded, Denied, RegistryUnreachable, UnknownAgent
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def echo(data: str) -> str:
    """Say it again."""
    return data


@pytest.fixture
def net():
    made = Net()
    served = Served(made, "a", echo)
    yield made
    served.close()


async def test_who_is_there(net: Net):
    mesh = client(net)
    assert mesh.id == "me~abcdef"
    assert [a.agent_id for a in await mesh.agents()] == ["a"]
    assert await mesh.agents("nothing") == await mesh.agents("x" * 65) == []
    assert (await mesh.ping("a")).via == "direct"
    assert {link.peer for link in mesh.links()} == {"a", "me~abcdef"}


async def test_skills_from_the_directory_else_from_the_agent(net: Net):
    mesh = client(net)
    assert [s.name for s in await mesh.skills("a")] == ["echo"]
    with pytest.raises(UnknownAgent, match="No agent named nobody is in the mesh"):
        await mesh.skills("nobody")

    def away(_):
        raise RegistryUnreachable

    net.verbs["agents.get"] = away
    assert [s.description for s in await mesh.skills("a")] == ["Say it again."]

    def denied(_):
        raise Denied

    net.verbs["agents.get"] = denied
    with pytest.raises(Denied):
        await mesh.skills("a")


async def test_closing_happens_once(net: Net):
    closed: list[int] = []

    async def close() -> None:
        closed.append(1)

    mesh = Mesh(CallContext(net.port("c")), close)
    async with mesh as same:
        assert same is mesh
    await mesh.close()
    assert closed == [1]


async def test_within_a_time(net: Net):
    bound = client(net).within(3.0)
    assert await bound.agent("a", timeout=60).echo(data="x") == "x"
    assert 2 < net.log[-1][1].timeout <= 3
    assert [a.agent_id for a in await bound.agents()] == ["a"]
    with pytest.raises(DeadlineExceeded):
        await client(net).within(0.0).agents()
