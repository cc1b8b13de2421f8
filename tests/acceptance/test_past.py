"""The past costs nothing: what ended leaves the registry's memory, and cycles stay as quick.

`make soak` does 1,000,000 tasks (PAST says how many) between processes; `make test` does 20,000 in
one store and asserts what it holds in memory afterwards.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from chatixia.core.ports import Principal
from chatixia.ids import AgentId
from chatixia.store.control.memory import SPARE
from chatixia.store.control.store import Store
from chatixia.store.control.submission import SubmitOrder
from chatixia.wire import tasks as t
from chatixia.world import RealWorld
from tests.bench.run import ROOT, environment, mesh

DAY = 86_400.0
MANY = int(os.environ.get("PAST", "1000000"))
GROWTH = 16e6
"""Bytes that the registry may grow once its caches are full, over three quarters of the run."""


@pytest.mark.timeout(120)
async def test_twenty_thousand_that_ended_are_not_in_memory(tmp_path: Path):
    store = Store.open(tmp_path, RealWorld())
    submitter = Principal(AgentId("ann"), "agent", machine="pc")
    worker = Principal(AgentId("bo"), "agent", machine="pi")
    try:
        for start in range(0, 20_000, 500):
            await asyncio.gather(
                *(
                    store.tasks.submit(
                        SubmitOrder(
                            submitter, t.Submit(f"t_{n}", "echo", target_agent_id="bo"), b"{}", DAY
                        )
                    )
                    for n in range(start, start + 500)
                )
            )
            assert len(store.memory.dues) == 500  # what lives is counted
            for claim in range(500 // 64 + 2):
                asked = t.Claim(f"{start}/{claim}", 64)
                granted = (await store.leases.claim(worker, asked, ["echo"])).grants
                await asyncio.gather(
                    *(
                        store.leases.complete(worker, each.task.id, each.fence, b"1")
                        for each in granted
                    )
                )
            assert not granted
        memory = store.memory
        assert len(memory.dues) == 0
        assert len(memory.dues._heap) <= SPARE
        assert (memory.rows.by_id, memory.rows._by_number, memory.rows._payloads) == ({}, {}, {})
        assert memory.holdings.tasks.by_holder == {}
        assert sum(map(len, memory.queues._places.values())) <= 1
    finally:
        await store.close()


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_million_finished_tasks_cost_neither_memory_nor_speed():
    with mesh("echo") as ours:
        assert ours.registry.process
        registry = psutil.Process(ours.registry.process.pid)
        asking = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bench.ask",
            "past",
            "echo",
            str(ours.agents["echo"].pid),
            cwd=ROOT,
            env=environment({**ours.env, "PAST": str(MANY)}),
            stdout=asyncio.subprocess.PIPE,
        )
        answer = asyncio.ensure_future(asking.communicate())
        sizes, begun = [registry.memory_info().rss], time.monotonic()
        while not (await asyncio.wait({answer}, timeout=1.0))[0]:
            sizes.append(registry.memory_info().rss)
        line, _ = await answer
        assert asking.returncode == 0
    found = json.loads(line.strip().splitlines()[-1])
    quarter, late = sizes[len(sizes) // 4], max(sizes[-len(sizes) // 10 :])
    print(
        f"{MANY} tasks in {time.monotonic() - begun:.0f} s: {found}; registry"
        f" {sizes[0] / 1e6:.0f} MB at first, {quarter / 1e6:.0f} after a quarter,"
        f" {late / 1e6:.0f} at the end"
    )
    assert late - quarter <= GROWTH
    assert found["past_ratio"] >= 0.9
