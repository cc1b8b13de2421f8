"""Many agents in one process: ``crowded.py FIRST COUNT``. It says ``all online``, and then, each
time that it changes, how many ends of links its agents have, and how many of them are direct:
``ends N, direct N``.

At SIGUSR1 each agent pings every other, all at once, and it says ``asked N``, the answers. At
SIGUSR2 their monitors stop, so that what the engine alone costs can be seen, and it says
``unwatched``. At SIGTERM it ends.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import sys

from chatixia import Agent

LOOK_SECONDS = 0.25
ONLINE_SECONDS = 300.0


async def unwatched(agents: list[Agent]) -> None:
    """Stop what looks after links."""
    for agent in agents:
        await agent.mesh._context.port.driver.monitor.stop()
    print("unwatched", flush=True)


async def ask_all(agents: list[Agent]) -> None:
    """Each agent pings every other agent of the mesh."""
    calls = [
        agent.mesh.ping(other.agent_id, ONLINE_SECONDS)
        for agent in agents
        for other in await agent.mesh.agents()
        if other.agent_id != agent.mesh.id
    ]
    answers = await asyncio.gather(*calls)
    print(f"asked {len(answers)}", flush=True)


async def main(first: int, count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    agents = [Agent(f"a{n:03}") for n in range(first, first + count)]
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_signal_handler(
        signal.SIGUSR2, lambda: tasks.append(asyncio.ensure_future(unwatched(agents)))
    )
    loop.add_signal_handler(
        signal.SIGUSR1, lambda: tasks.append(asyncio.ensure_future(ask_all(agents)))
    )
    await asyncio.gather(*(agent.start() for agent in agents))
    await asyncio.gather(*(agent.online(ONLINE_SECONDS) for agent in agents))
    print("all online", flush=True)
    said = ""
    while not over.is_set():
        links = [link for agent in agents for link in agent.mesh.links()]
        direct = sum(1 for link in links if link.tier == "direct")
        if said != (said := f"ends {len(links)}, direct {direct}"):
            print(said, flush=True)
        try:
            await asyncio.wait_for(over.wait(), LOOK_SECONDS)
        except TimeoutError:
            continue
    await asyncio.gather(*(agent.stop() for agent in agents))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
