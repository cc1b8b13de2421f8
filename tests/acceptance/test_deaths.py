"""An agent is killed, or stands still: the one is told quickly, the other is nobody's death."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from chatixia.errors import DeadlineExceeded, Unreachable
from chatixia.wire.tasks import Query
from tests.acceptance.harness import TestMesh
from tests.until import until

SOON = 20
"""Seconds from a worker's death to the end of its tasks elsewhere; its leases last longer."""


async def test_a_killed_agents_calls_fail_and_its_tasks_go_to_another(net: TestMesh):
    net.up()
    net.several("a", "b")
    async with net.client() as mesh:
        ready = mesh.agent("a")
        assert (await ready.call("echo", {"data": "x"})).via == "direct"
        inflight = [asyncio.ensure_future(ready.hold(n=n, seconds=60)) for n in range(8)]
        await until(lambda: marked(ready, 8), pause=0.05)
        # By skill alone and more than one agent's slots: both take some, and one will die.
        tasks = [await mesh.submit(None, "hold", {"n": 100 + n, "seconds": 3}) for n in range(12)]
        await until(lambda: held_by(mesh, tasks, "a"), pause=0.05)
        net.workers["a"].popen.send_signal(signal.SIGKILL)
        killed = monotonic()
        for call in inflight:
            with pytest.raises(Unreachable) as caught:
                await call
            assert caught.value.outcome == "unknown"
        assert monotonic() - killed < 5
        await until(lambda: gone(mesh, "a"), 10, pause=0.05)
        # Because its process is gone, which shows after 5 s, and not because its leases ran out.
        async with asyncio.timeout(killed + SOON - monotonic()):
            assert sorted(await asyncio.gather(*tasks)) == list(range(100, 112))


async def test_an_agent_whose_loop_stands_still_is_not_declared_dead(net: TestMesh):
    net.up()
    net.several("a", "b")
    async with net.client() as mesh:
        a = mesh.agent("a", timeout=60)
        await a.echo(data="warm")
        [before] = [link["link"] for link in await a.links() if link["peer"] == mesh.id]
        asleep = asyncio.ensure_future(a.block(seconds=12))
        waiting = [asyncio.ensure_future(a.echo(data=str(n))) for n in range(32)]
        left = await mesh.submit("a", "mark", {"n": 1})
        looks = 0
        while not asleep.done():  # a look at its end alone would miss one that came back to life
            assert not await gone(mesh, "a")
            assert [link.link for link in mesh.links() if link.peer == "a"] == [before]
            looks += 1
            await asyncio.sleep(0.1)
        assert looks > 50 and await asleep == "awake"
        assert await asyncio.gather(*waiting) == [str(n) for n in range(32)]
        assert await left == 1
        [after] = [link["link"] for link in await a.links() if link["peer"] == mesh.id]
        assert after == before


async def test_what_waited_for_a_loop_that_stood_still_runs_once_or_not_at_all(
    net: TestMesh, tmp_path: Path
):
    ledger = tmp_path / "ledger"
    net.up()
    net.worker("a", LEDGER=str(ledger))
    async with net.client() as mesh:
        queued = mesh.agent("a", timeout=60, queue="only")
        asleep = asyncio.ensure_future(queued.stand(n=0, seconds=12))
        await until(lambda: written(ledger, 0), pause=0.05)
        paid = [asyncio.ensure_future(queued.mark(n=n)) for n in (1, 2, 3)]
        with pytest.raises(DeadlineExceeded):
            await mesh.agent("a", timeout=2, queue="only").mark(n=4)
        left = await mesh.submit("a", "mark", {"n": 5})
        assert await left.cancel() == "canceled"
        assert await asyncio.gather(asleep, *paid) == [0, 1, 2, 3]
        assert await queued.mark(n=6) == 6
    ran = [int(line.split()[1]) for line in ledger.read_text().splitlines()]
    assert sorted(ran) == [0, 1, 2, 3, 6]


async def test_an_agent_that_was_killed_and_restarted_is_called_directly_again(net: TestMesh):
    net.up()
    net.several("a", "b")
    async with net.client() as mesh:
        a, b = mesh.agent("a", timeout=20), mesh.agent("b", timeout=20)
        assert (await a.call("echo", {"data": "x"})).via == "direct"
        assert await b.echoes(others=["a"], data="x") == {"a": "direct"}
        await asyncio.to_thread(net.workers["a"].kill)
        # Both lose their link, then learn that none can be had, and remember.
        await until(lambda: unlinked(mesh, b, "a"), pause=0.05)
        waiting = [
            asyncio.ensure_future(a.call("echo", {"data": "y"})),
            asyncio.ensure_future(b.echoes(others=["a"], data="y")),
        ]
        await until(lambda: queued(mesh, "a", 2), pause=0.05)
        await asyncio.to_thread(net.worker, "a")
        assert (await waiting[0]).via == "queue, plain"
        assert await waiting[1] == {"a": "queue, plain"}
        assert (await a.call("echo", {"data": "z"})).via == "direct"
        assert await b.echoes(others=["a"], data="z") == {"a": "direct"}


async def unlinked(mesh: Any, other: Any, name: str) -> bool:
    here = {link.peer for link in mesh.links()}
    return name not in here | {link["peer"] for link in await other.links()}


async def queued(mesh: Any, name: str, n: int) -> bool:
    page = await mesh.verb("tasks.list", Query(agent=name, state="pending"))
    return len(page.tasks) >= n


async def written(ledger: Path, n: int) -> bool:
    return ledger.exists() and f"a {n}\n" in ledger.read_text()


async def marked(agent, n: int) -> bool:  # type: ignore[no-untyped-def]
    return len(await agent.marks()) >= n


async def held_by(mesh, tasks, name: str) -> bool:  # type: ignore[no-untyped-def]
    rows = [await task.row() for task in tasks]
    return any(row.assigned_agent_id == name and row.state == "assigned" for row in rows)


async def gone(mesh, name: str) -> bool:  # type: ignore[no-untyped-def]
    return name not in {r.agent_id for r in await mesh.agents() if r.health == "active"}
