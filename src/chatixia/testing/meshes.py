"""``mesh_of``: agents and a client on a network in memory, with loss and a fake clock.

::

    async with mesh_of(weather, reporter, loss=0.2, seed=7) as mesh:
        assert (await mesh.agent("reporter").report(city="Oslo")).city == "Oslo"

No socket, no registry, no file. The same seed gives the same losses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatixia.assembly.agent import Agent
from chatixia.client.door import Door
from chatixia.client.mesh import Mesh

from .network import Network

CLIENT = "test~client"


@asynccontextmanager
async def mesh_of(
    *agents: Agent,
    loss: float = 0.0,
    seed: int | str = 0,
    delay: tuple[float, float] = (0.001, 0.004),
    duplicate: float = 0.0,
    reorder: float = 0.0,
) -> AsyncIterator[Mesh]:
    """The mesh as a client among ``agents`` sees it.

    ``loss``, ``duplicate``, ``reorder``: the share of frames that are. ``delay``: seconds one way
    on the fake clock, least and most.
    """
    network = Network(seed=seed, loss=loss, delay=delay, duplicate=duplicate, reorder=reorder)
    for agent in agents:
        agent.attach(network.node(agent.name), world=network.world)
    client = network.node(CLIENT)
    mesh = Mesh(Door(client, network.world), _nothing)
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
