"""A skill that blocks its event loop keeps its lease: it runs once, and its result counts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance.harness import TestMesh
from tests.lab.procs import Procs

CASES = [(token, attempts) for token in ("fresh", "expired") for attempts in (1, 3)]


class Times(NamedTuple):
    """Seconds. ``block``: one and a half leases, and longer than ``short`` and a lease."""

    block: int
    lease: int
    ping: int
    timeout: int
    short: int
    """The life of a token that ends while its bearer is blocked."""


LOWERED = Times(block=15, lease=8, ping=1, timeout=2, short=5)
FULL = Times(block=45, lease=30, ping=5, timeout=20, short=10)


@pytest.mark.parametrize("times", [LOWERED, pytest.param(FULL, marks=pytest.mark.soak)])
async def test_a_blocked_loop_keeps_its_lease(tmp_path: Path, times: Times):
    """Two workers with one slot each for every task: the other one idles, and must not get it."""
    meshes = [TestMesh(Procs(tmp_path / token)) for token in ("fresh", "expired")]
    try:
        ended = await asyncio.gather(
            *(
                blocked(mesh, times, life)
                for mesh, life in zip(meshes, (300, times.short), strict=True)
            )
        )
    finally:
        for mesh in meshes:
            await asyncio.to_thread(mesh.procs.close)
    shown = dict(zip(CASES, [one for two in ended for one in two], strict=True))
    assert shown == dict.fromkeys(CASES, ("completed", 1, 1))


async def blocked(net: TestMesh, times: Times, life: int) -> list[tuple[str, int, int]]:
    """State, attempt and number of runs of a task that may be tried once and of one thrice."""
    net.procs.folder.mkdir()
    ledger = net.procs.folder / "ledger"
    await asyncio.to_thread(
        net.configure,
        token_ttl=life,
        lease=times.lease,
        ping_interval=times.ping,
        ping_timeout=times.timeout,
    )
    for attempts in (1, 3):
        names = (f"one-{attempts}", f"other-{attempts}")
        env = {"SLOTS": "1", "LEDGER": str(ledger), "STAND_AS": f"stand_{attempts}"}
        await asyncio.to_thread(net.several, *names, **env)
    async with net.client() as mesh:
        tasks = [
            await mesh.submit(
                None,
                f"stand_{attempts}",
                {"n": attempts, "seconds": times.block},
                max_attempts=attempts,
            )
            for attempts in (1, 3)
        ]
        async with asyncio.timeout(4 * times.block):
            rows = [await settled(task) for task in tasks]
    runs = [line.split()[1] for line in ledger.read_text().splitlines()]
    return [
        (row.state, row.attempt, runs.count(str(attempts)))
        for row, attempts in zip(rows, (1, 3), strict=True)
    ]


async def settled(task: Any) -> Any:
    """Its row when it has ended, however it did."""
    await asyncio.gather(task.reply(), return_exceptions=True)
    return await task.row()
