"""A registry that withholds a revocation is caught by one peer that knows of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from tests.acceptance.harness import TestMesh, environment
from tests.lab.liar import Frame, Liar
from tests.until import until

NAMES = ("a", "b", "c")


async def links(mesh: Any, worker: str) -> set[str]:
    """To whom a worker has links, as it says itself."""
    return {link["peer"] for link in await mesh.agent(worker).links()} & set(NAMES)


async def test_one_informed_peer_ends_the_links_of_the_revoked_one_everywhere(net: TestMesh):
    net.up()
    async with Liar(net.port) as liar, AsyncExitStack() as stack:
        env = {"CHATIXIA_REGISTRY_URL": liar.url, "CHATIXIA_LINKS_KEEP": "all"}
        await asyncio.to_thread(lambda: net.several(*NAMES, **env))
        stack.enter_context(environment(CHATIXIA_REGISTRY_URL=liar.url))  # who looks knows no more
        mesh = await stack.enter_async_context(net.client())

        async def linked() -> bool:
            return (await links(mesh, "a"), await links(mesh, "b")) == ({"b", "c"}, {"a", "c"})

        await until(linked, 30, pause=0.2)
        withheld: list[Frame] = []

        def withhold(who: str, way: str, frame: Frame) -> list[Frame]:
            """Nobody hears of it, nor that the revoked one has gone."""
            if way != "down":
                return [frame]
            if frame.get("type") == "revoked":
                withheld.append(frame)
                return []
            hidden = frame.get("type") == "peer_left" or frame.get("code") == "revoked"
            return [] if hidden else [frame]

        liar.rewrite = withhold
        done = await asyncio.to_thread(net.procs.run, "revoke", "c")
        assert done.returncode == 0, done
        await until(lambda: len(withheld) >= 3)
        assert await linked(), "the control: nobody knows"
        await liar.down("a", withheld[0])

        async def out() -> bool:
            return (await links(mesh, "a"), await links(mesh, "b")) == ({"b"}, {"a"})

        await until(out, 30, pause=0.2)
        assert await asyncio.to_thread(net.workers["c"].wait, 20) == 4
        assert "c was revoked by the owner" in net.workers["c"].output
