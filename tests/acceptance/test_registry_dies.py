"""The registry is killed under load and comes back: no call is lost, no acknowledged task."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from chatixia.core.task import LEASE
from tests.acceptance.harness import TestMesh
from tests.until import until

PAIRS = (("a", "b"), ("b", "c"), ("c", "a"))


class Storm:
    """Calls of ``mark`` to one agent, 16 in flight until ``calls`` are answered."""

    def __init__(self, mesh: Any, target: str, calls: int) -> None:
        self.handle, self.calls = mesh.agent(target, timeout=120), calls
        self.flying = self.right = 0
        self.via: set[str] = set()
        self.gate = asyncio.Semaphore(16)

    async def one(self, n: int) -> None:
        async with self.gate:
            self.flying += 1
            reply = await self.handle.call("mark", {"n": n})
            self.flying -= 1
            self.via.add(reply.via)
            self.right += reply.value == n

    async def run(self) -> None:
        await asyncio.gather(*(self.one(n) for n in range(self.calls)))


def kill(net: TestMesh, storms: list[Storm]) -> tuple[int, int]:
    """Pull the registry's plug on the loop's own thread, so that what is counted is what flies:
    calls in flight, and calls answered before."""
    counted = sum(s.flying for s in storms), sum(s.right for s in storms)
    net.registry.popen.send_signal(signal.SIGKILL)
    return counted


@pytest.mark.parametrize(
    ("life", "dead"), [(20, 60), pytest.param(300, 360, marks=pytest.mark.soak)]
)
async def test_agents_keep_calling_while_the_registry_is_dead(net: TestMesh, life: int, dead: int):
    """``life``: of a token, in seconds; ``dead``: how long the registry stays away."""
    net.up("--token-ttl", str(life))
    net.several("a", "b", "c")
    async with net.client() as mesh:
        for left, right in PAIRS:
            assert await mesh.agent(left).echoes(others=[right], data="warm") == {right: "direct"}
        acknowledged = [await mesh.submit("a", "mark", {"n": -1 - n}) for n in range(20)]
        # More than its slots: as the registry dies some run and some wait.
        held = [
            await mesh.submit("b", "hold", {"n": -100 - n, "seconds": 5}, deadline=dead + 300)
            for n in range(12)
        ]
        storms = [Storm(mesh, x, 3_400) for x, _ in PAIRS]
        async with asyncio.timeout(60):
            await until(lambda: assigned(held), pause=0.01)
            running = [asyncio.create_task(storm.run()) for storm in storms]
            while min(storm.right for storm in storms) < 50:
                await asyncio.sleep(0)
            while sum(storm.flying for storm in storms) < 32:
                await asyncio.sleep(0)
        flying, before = kill(net, storms)
        assert flying >= 32 and before < 3 * 3_400 - 5_000, (flying, before)
        await asyncio.to_thread(net.registry.wait)
        await asyncio.gather(*running)
        assert [storm.right for storm in storms] == [3_400] * 3
        assert [storm.via for storm in storms] == [{"direct"}] * 3
        # Past the tokens' life: what follows would fail if calls leaned on a token.
        await asyncio.sleep(dead)
        for left, right in PAIRS:
            assert await mesh.agent(left).echoes(others=[right], data="on") == {right: "direct"}
        await asyncio.to_thread(net.up, "--token-ttl", str(life))

        async def all_back() -> bool:
            return {record.agent_id for record in await listed(mesh)} == {"a", "b", "c"}

        await until(all_back, 5, pause=0.1)
        done = await asyncio.wait_for(asyncio.gather(*acknowledged, *held), 60)
        assert done == [*range(-1, -21, -1), *range(-100, -112, -1)]


async def test_what_ends_while_the_registry_is_dead_is_told_when_it_is_back(
    net: TestMesh, tmp_path: Path
):
    """Dead for longer than a lease lasts on the worker's own clock."""
    ledger = tmp_path / "ledger"
    net.up()
    worker = net.worker("a", LEDGER=str(ledger))
    async with net.client() as mesh:
        call = mesh.agent("a", timeout=240, queue="only")
        answer = asyncio.ensure_future(call.hold(n=7, seconds=3))
        await until(ledger.exists, 30)
        await asyncio.to_thread(net.kill_registry)
        await asyncio.sleep(LEASE + 5)
        await asyncio.to_thread(net.up)
        assert await asyncio.wait_for(answer, 30) == 7
    assert ledger.read_text() == "a 7\n"
    assert worker.popen.poll() is None


async def test_an_agent_says_once_that_the_registry_is_lost_and_once_that_it_is_back(
    net: TestMesh,
):
    net.up()
    worker = net.worker("a")
    lost, back = r"a: the registry http://\S+ is lost: calls over open links", r"a: .* is back at"
    net.kill_registry()
    worker.wait_for(lost)
    net.up()
    worker.wait_for(back)
    assert len(re.findall(lost, worker.output)) == len(re.findall(back, worker.output)) == 1
    assert worker.stop() == 0


async def assigned(tasks: list[Any]) -> bool:
    """Whether one of them runs and one of them waits."""
    return {"assigned", "pending"} <= {(await task.row()).state for task in tasks}


async def listed(mesh: object) -> list:  # type: ignore[type-arg]
    """The directory, or nobody while the client itself is not back."""
    from chatixia.errors import MeshError

    try:
        return [r for r in await mesh.agents() if r.health == "active"]  # type: ignore[attr-defined]
    except MeshError:
        return []
