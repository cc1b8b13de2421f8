"""An agent that serves many: eighteen clients of one machine leave it to the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from chatixia import Agent, connect
from chatixia.core import budget
from chatixia.errors import Overloaded
from tests.acceptance.harness import TestMesh, environment
from tests.until import until

CLIENTS, EACH, RUNNING = 18, 3, 64


async def test_eighteen_clients_of_one_machine_leave_an_agent_to_others(
    net: TestMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """At a sixty-fourth of the bound: 54 requests that hold their place, where one machine may
    have 48."""
    monkeypatch.setattr(budget, "ALL_RUNNING", RUNNING)
    net.up()
    greedy = {"CHATIXIA_HOME": str(tmp_path / "greedy")}
    string = await asyncio.to_thread(lambda: net.cli("invite", "greedy", "--no-wait")["join"])
    assert (await asyncio.to_thread(net.procs.run, "join", string, **greedy)).returncode == 0
    agent, go, running = Agent("served"), asyncio.Event(), 0

    @agent.skill
    async def hold() -> str:
        nonlocal running
        running += 1
        await go.wait()
        return "done"

    @agent.skill
    async def quick() -> str:
        return "served"

    async with AsyncExitStack() as stack:
        with environment(CHATIXIA_HOME=str(net.procs.home)):
            await agent.start()
            stack.push_async_callback(agent.stop)
            honest = await stack.enter_async_context(connect())
        with environment(**greedy):
            clients = [connect() for _ in range(CLIENTS)]
            meshes = await asyncio.gather(*map(stack.enter_async_context, clients))
        got: Counter[str] = Counter()

        async def call(mesh: Any) -> None:
            try:
                got[await mesh.agent("served", queue="never", timeout=90).hold()] += 1
            except Overloaded as busy:
                assert busy.outcome == "definite"
                got["busy"] += 1

        calls = [asyncio.ensure_future(call(mesh)) for mesh in meshes for _ in range(EACH)]
        await until(lambda: running + got["busy"] >= CLIENTS * EACH, 60)
        reply = await honest.agent("served", queue="never", timeout=60).call("quick")
        assert (reply.value, reply.via) == ("served", "direct")
        go.set()
        await asyncio.gather(*calls)
    assert got == {"done": 3 * RUNNING // 4, "busy": CLIENTS * EACH - 3 * RUNNING // 4}
