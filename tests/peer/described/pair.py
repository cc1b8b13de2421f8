"""Two ends of described links with real engines, and signaling between them that a test may cut."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from chatixia.core.budget import ResourceBudget
from chatixia.errors import Denied
from chatixia.ids import AgentId
from chatixia.peer.described.calls import DescribedCalls
from chatixia.peer.described.links import DescribedLinks
from chatixia.peer.engines import load
from chatixia.wire.signaling import DescribedSignal
from chatixia.world import REAL
from tests.until import until


class End:
    """One end: its links, its calls, and what it heard."""

    def __init__(self, name: str, engine: str = "auto") -> None:
        self.name, self.other = name, None
        self.lost: set[str] = set()
        """Kinds of signals that do not go."""
        self.barred = False
        self.texts: list[str] = []
        self.links = DescribedLinks(name, load(engine, loopback=True), self.tell, self.admits, REAL)
        self.calls = DescribedCalls(AgentId(name), self.links, ResourceBudget(), REAL)

    other: Any

    def tell(self, signal: DescribedSignal) -> bool:
        if signal.kind not in self.lost:
            stamped = replace(signal, peer_id=self.name)
            asyncio.get_running_loop().call_soon(self.other.links.signal, stamped)
        return True

    def admits(self, name: str) -> None:
        if self.barred:
            raise Denied(f"{name} is barred.")

    async def stop(self) -> None:
        await self.calls.stop()
        await self.links.engine.close()


class Pair:
    """``async with Pair() as (a, b)``."""

    def __init__(self, engine: str = "auto") -> None:
        self.a, self.b = End("a", engine), End("b", engine)
        self.a.other, self.b.other = self.b, self.a

    async def __aenter__(self) -> tuple[End, End]:
        return self.a, self.b

    async def __aexit__(self, *_: object) -> None:
        await self.a.stop()
        await self.b.stop()


async def connected(a: End, b: End) -> None:
    """``a`` came after ``b``, so it offers."""
    b.links.present(["a"], "a")
    a.links.present(["b"])
    assert await a.links.reach("b", 10)
    await until(lambda: b.links.open_names() == ["a"])
