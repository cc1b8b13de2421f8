"""A mesh of processes with agents that accept described peers, for the tests of that contract."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.acceptance.harness import TestMesh
from tests.interop.described_peer import DescribedPeer
from tests.lab.netns import Host
from tests.lab.procs import Procs

AGENT = '''
from chatixia import Agent, Ctx

agent = Agent("NAME")



@agent.skill
async def shout(message: str) -> str:
    """In capitals."""
    return message.upper()


@agent.skill
async def add(a: int, b: int = 1) -> int:
    """Add two whole numbers."""
    return a + b


@agent.skill
async def seen(ctx: Ctx) -> list[str]:
    """How the mesh shows who asks."""
    return [ctx.caller, ctx.via, *ctx.path]


@agent.skill
async def ask(ctx: Ctx, peer: str, message: str) -> str:
    """Ask an agent elsewhere on the caller's behalf."""
    return await ctx.agent(peer).forecast(message=message)


@agent.skill
async def long(size: int) -> str:
    """A long answer."""
    return "x" * size


@agent.skill
async def slow(seconds: float) -> str:
    """Answer after a while."""
    import asyncio

    await asyncio.sleep(seconds)
    return "late"
'''


class DescribedMesh:
    """A registry with ``compat`` and agents of :data:`AGENT`, on ``host``; ``up``: its options."""

    def __init__(
        self,
        procs: Procs,
        folder: Path,
        compat: str = "true",
        host: Host | None = None,
        up: tuple[str, ...] = (),
    ) -> None:
        self.procs, self._folder = procs, folder
        self.net = TestMesh(procs, host)
        if up:
            self._serve(*up)
            self.net.registry.stop()
            [file] = procs.home.glob("**/registry.yaml")
            with file.open("a") as out:
                out.write(f"compat: {compat}\n")
            self._serve()
        else:
            self.net.configure(compat=compat)
        self._left = contextlib.AsyncExitStack()

    def _serve(self, *words: str) -> None:
        """Run a registry that no address of loopback leads to."""
        self.net.registry = self.procs.start("up", *words, host=self.net.host)
        self.net.registry.wait_for(r"next\s|ready", timeout=120)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.net.port}"

    def agent(self, name: str, *compat: str, engine: str = "auto") -> None:
        """Run one that accepts those peers."""
        folder = self._folder / name
        folder.mkdir()
        text = f"name: {name}\nengine: {engine}\n"
        if compat:
            text += f"compat: [{', '.join(compat)}]\n"
        (folder / "agent.yaml").write_text(text)
        (folder / "agent.py").write_text(AGENT.replace("NAME", name))
        self.net.workers[name] = self.procs.start("run", str(folder), host=self.net.host)
        self.net.workers[name].wait_for(r"online")

    def key(self, name: str) -> str:
        """An API key."""
        return str(self.net.cli("keys", "create", name)["key"])

    def peer(self, name: str) -> DescribedPeer:
        """A described peer with a key of its own; it has not entered yet."""
        peer = DescribedPeer(self.url, {"x_api_key": self.key(name)})
        self._left.push_async_callback(peer.leave)
        return peer

    async def entered(self, name: str, *agents: str) -> DescribedPeer:
        """One that is there, and connected to those agents."""
        peer = self.peer(name)
        await peer.enter()
        await peer.until(lambda: set(agents) <= set(peer.connected))
        return peer

    async def close(self) -> None:
        await self._left.aclose()


@contextlib.asynccontextmanager
async def described_mesh(
    procs: Procs, folder: Path, compat: str = "true", **more: Any
) -> AsyncIterator[DescribedMesh]:
    mesh = DescribedMesh(procs, folder, compat, **more)
    try:
        yield mesh
    finally:
        await mesh.close()
