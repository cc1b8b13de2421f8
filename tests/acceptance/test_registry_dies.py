"""The registry is killed under load and comes back: no call is lost, no acknowledged task."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from chatixia.core.task import LEASE
from tests.acceptance.harness import TestMesh

PAIRS = (("a", "b"), ("b", "c"), ("c", "a"))


async def storm(mesh: object, target: str, calls: int, ready: asyncio.Event, via: set[str]) -> int:
    """``calls`` marks, 16 in flight; how many answers were right."""
    handle = mesh.agent(target, timeout=120)  # type: ignore[attr-defined]
    gate = asyncio.Semaphore(16)
    right = 0

    async def one(n: int) -> None:
        nonlocal right
        async with gate:
            reply = await handle.call("mark", {"n": n})
            via.add(reply.via)
            right += reply.value == n
            if right > 50:
                ready.set()

    await asyncio.gather(*(one(n) for n in range(calls)))
    return right


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
        ready, via = asyncio.Event(), set[str]()
        storms = [asyncio.create_task(storm(mesh, x, 3_400, ready, via)) for x, _ in PAIRS]
        await asyncio.wait_for(ready.wait(), 60)
        await asyncio.to_thread(net.kill_registry)
        assert await asyncio.gather(*storms) == [3_400] * 3
        assert via == {"direct"}
        # Past the tokens' life: what follows would fail if calls leaned on a token.
        await asyncio.sleep(dead)
        for left, right in PAIRS:
            assert await mesh.agent(left).echoes(others=[right], data="on") == {right: "direct"}
        await asyncio.to_thread(net.up, "--token-ttl", str(life))
        async with asyncio.timeout(5):
            while {record.agent_id for record in await listed(mesh)} != {"a", "b", "c"}:
                await asyncio.sleep(0.1)
        for task in acknowledged:
            assert await asyncio.wait_for(task, 60) < 0


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
        async with asyncio.timeout(30):
            while not ledger.exists():
                await asyncio.sleep(0.05)
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


async def listed(mesh: object) -> list:  # type: ignore[type-arg]
    """The directory, or nobody while the client itself is not back."""
    from chatixia.errors import MeshError

    try:
        return [r for r in await mesh.agents() if r.health == "active"]  # type: ignore[attr-defined]
    except MeshError:
        return []
