"""What idle links cost: eight agents in one process, each linked to each, and nobody calls.

Prints JSON: ``idle_ms_per_s``, milliseconds of CPU per second for one end of a link, without the
engine's own, and ``idle_engine_ms_per_s``, the engine's.
"""

from __future__ import annotations

import asyncio
import json
import time

from chatixia.peer.mesh import PeerMesh
from tests.core.circle import agent
from tests.peer.relay import Node, Relay

AGENTS = 8
SECONDS = 15.0
CALM = 3.0
"""Seconds before each measure, for what opening or stopping left behind."""


async def cpu_ms_per_s() -> float:
    await asyncio.sleep(CALM)
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(SECONDS)
    return 1000 * (time.process_time() - cpu) / (time.monotonic() - began)


async def main() -> None:
    relay = Relay()
    nodes = [Node(relay, agent(f"n{n}").me(), keep=None) for n in range(AGENTS)]
    meshes = [PeerMesh(each.me, each.driver, records=each.driver.records) for each in nodes]
    for node, mesh in zip(nodes, meshes, strict=True):
        await mesh.start()
        relay.come(node)
    for n, mesh in enumerate(meshes):
        for other in nodes[n + 1 :]:
            await mesh.ping(other.id, 30)
    ends = sum(len(node.driver.report()) for node in nodes)
    whole = await cpu_ms_per_s()
    for node in nodes:
        await node.driver.monitor.stop()
    engine = await cpu_ms_per_s()
    for mesh in meshes:
        await mesh.stop()
    print(
        json.dumps(
            {
                "idle_ms_per_s": max(0.0, whole - engine) / ends,
                "idle_engine_ms_per_s": engine / ends,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
