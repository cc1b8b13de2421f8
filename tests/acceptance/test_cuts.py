"""The connection under a living session is destroyed again and again; no call notices."""

from __future__ import annotations

import asyncio

from tests.acceptance.harness import TestMesh

CALLS = 10_000
CUTS = 10


async def test_ten_cuts_in_ten_thousand_calls(net: TestMesh):
    net.up()
    net.worker("a")
    async with net.client() as mesh:
        a = mesh.agent("a", timeout=30)
        answered: list[int] = []
        links: set[str] = set()
        gate = asyncio.Semaphore(32)

        async def one(n: int) -> None:
            try:
                answered.append(await a.mark(n=n))
            finally:
                gate.release()

        async with asyncio.TaskGroup() as running:  # a call that fails ends it all
            for n in range(CALLS):
                await gate.acquire()  # in order of n: the session then carries them in that order
                running.create_task(one(n))
                if n % (CALLS // CUTS) == CALLS // CUTS // 2:
                    links.add(only_link(mesh))
                    cut(mesh, "a")
        assert sorted(answered) == list(range(CALLS)), "each answered once"
        assert await a.marks() == list(range(CALLS)), "each executed once, in order"
        assert len(links) == CUTS, "each cut hit a link that had healed"


def only_link(mesh) -> str:  # type: ignore[no-untyped-def]
    """The name of the one open link."""
    [link] = [link for link in mesh._context.port.links() if link.peer == "a"]
    return str(link.link)


def cut(mesh, peer: str) -> None:  # type: ignore[no-untyped-def]
    """Destroy the connection as a dying path would: nobody is told."""
    mesh._context.port.driver.cut(peer)
