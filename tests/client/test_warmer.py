"""Links opened beforehand, in the background and within bounds."""

from __future__ import annotations

import asyncio

from chatixia.client.warmer import AGAIN_S, AT_ONCE, MAX_TRIED, Warmer
from chatixia.core.ports import Pong
from chatixia.errors import Unreachable
from chatixia.ids import AgentId
from tests.agent.loopback import Loopback, Net


class Port(Loopback):
    """Counts pings; they hang until let go, and then fail."""

    def __init__(self) -> None:
        super().__init__(Net(), AgentId("me"))
        self.pinged: list[str] = []
        self.go = asyncio.Event()

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        self.pinged.append(target)
        await self.go.wait()
        raise Unreachable


async def test_one_try_at_a_time_and_not_again_at_once():
    port, warmer = Port(), Warmer()
    port.go.set()
    for now in (0.0, 1.0, AGAIN_S - 1, AGAIN_S):
        warmer.warm(port, AgentId("a"), now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert port.pinged == ["a", "a"]


async def test_bounds_and_the_end():
    port, warmer = Port(), Warmer()
    for n in range(AT_ONCE + 3):
        warmer.warm(port, AgentId(f"a{n}"), 0.0)
    await asyncio.sleep(0)
    assert len(port.pinged) == AT_ONCE
    await warmer.stop()
    await asyncio.sleep(0)
    assert not warmer._tasks
    port.go.set()
    for n in range(MAX_TRIED + 3):
        warmer.warm(port, AgentId(f"b{n}"), 0.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(warmer._tried) == MAX_TRIED
    await warmer.stop()
