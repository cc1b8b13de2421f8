"""An agent in a process of its own for ``test_driver``: ``python worker.py HOME NAME ENGINE``.

Serves ``echo``, ``hold`` (never answers) and ``block`` (holds the loop for the seconds asked).
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.profile.profile import Profile
from chatixia.core.ports import Incoming, Responder
from chatixia.peer.driver import PeerSettings, open_mesh
from chatixia.wire.peer import SkillInfo


async def serve(said: Incoming, answer: Responder) -> None:
    """One request."""
    if said.skill == "hold":
        await asyncio.sleep(3600)
    if said.skill == "block":
        time.sleep(float(bytes(said.body)))  # noqa: ASYNC251 - that is the point
    answer.reply(bytes(said.body))


async def main(home: str, name: str, engine: str) -> None:
    """Serve until the standard input ends."""
    profile = Profile.open("home", home=Path(home))
    credentials = await asyncio.to_thread(enrol, profile, name)
    mesh, _ = open_mesh(credentials.me(), PeerSettings(engine=engine, relay=False))
    mesh.serve(serve, [SkillInfo("echo"), SkillInfo("hold"), SkillInfo("block")], 4)
    await mesh.start()
    await mesh.registry.online(20)
    print("online", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await mesh.stop()
    credentials.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
