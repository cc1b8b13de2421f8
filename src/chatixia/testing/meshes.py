"""``mesh_of``: agents and a client on a network in memory, with loss and a fake clock.

::

    async with mesh_of(weather, reporter, loss=0.2, seed=7) as mesh:
        assert (await mesh.agent("reporter").report(city="Oslo")).city == "Oslo"

        task = await mesh.submit("weather", "forecast", {"city": "Oslo"})
        await mesh.kill(weather)        # as kill -9 would
        await mesh.restart(weather)     # a new process of it
        assert (await task).city == "Oslo"

No socket, no file, no thread but those of plain skills. The queue is the registry's own, over the
real store in memory. The same seed gives the same run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatixia.assembly.agent import Agent
from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh

from .network import Network

CLIENT = "test~client"


class MemoryMesh(Mesh):
    """A :class:`Mesh` on a network that a test may break. ``network`` has more of that."""

    def __init__(self, context: CallContext, network: Network) -> None:
        super().__init__(context, _nothing)
        self.network = network

    @property
    def now(self) -> float:
        """The fake clock, in seconds. It moves only while somebody waits for the mesh."""
        return self.network.world.now

    async def sleep(self, seconds: float) -> None:
        """Let that much fake time pass, with all that is due in it."""
        await self.network.sleep(seconds)

    async def kill(self, agent: Agent) -> None:
        """End an agent's process without notice; what it held goes to others after 5 s."""
        node = self.network.kill(agent.name)
        await node.stop()
        await agent.stop()

    async def restart(self, agent: Agent) -> None:
        """Start it again (or for the first time), as a new process under the same name."""
        if agent.name in self.network.nodes:
            await self.kill(agent)
        agent.attach(self.network.node(agent.name), world=self.network.world)
        await self.network.join(agent.name)

    def cut(self, one: str, other: str, *, keep: bool = True) -> None:
        """The link of two, by name, dies; ``keep``: no new one opens until :meth:`heal`."""
        self.network.cut(one, other, keep=keep)

    def heal(self, one: str, other: str) -> None:
        """Links between the two may open again."""
        self.network.heal(one, other)


@asynccontextmanager
async def mesh_of(
    *agents: Agent,
    loss: float = 0.0,
    seed: int | str = 0,
    delay: tuple[float, float] = (0.001, 0.004),
    duplicate: float = 0.0,
    reorder: float = 0.0,
) -> AsyncIterator[MemoryMesh]:
    """The mesh as a client among ``agents`` sees it.

    ``loss``, ``duplicate``, ``reorder``: the share of frames that are. ``delay``: seconds one way
    on the fake clock, least and most. The clock skips what only waits for the mesh; a skill's own
    sleep, or its thread, takes its real time, and so does the deadline of one that hangs.
    """
    network = Network(
        seed=seed, loss=loss, delay=delay, duplicate=duplicate, reorder=reorder, queue=True
    )
    for agent in agents:
        agent.attach(network.node(agent.name), world=network.world)
    mesh = MemoryMesh(CallContext(network.node(CLIENT), network.world), network)
    try:
        await network.start()
        yield mesh
    finally:
        await mesh.close()
        for agent in agents:
            await agent.stop()
        await network.stop()


async def _nothing() -> None:
    """The network ends with the block, not with the mesh."""
