"""Five agents released by one barrier, twenty times: every pair ends with one working link.

The barrier stands before the registry, so that their `register` frames reach it together however
busy the machine is; a gate before it makes sure that all of them are warm.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import TestMesh
from tests.lab.liar import Liar

NAMES = ("v", "w", "x", "y", "z")
ROUNDS = 20
TOGETHER = 0.05
"""Seconds within which all five `register` frames go."""
MOST = 2 * ROUNDS


async def one_round(mesh: Any, attempts: dict[str, list[int]]) -> None:
    """All twenty echoes, and every pair's link as its two ends see it."""

    async def ask(name: str) -> dict[str, str]:
        others = [other for other in NAMES if other != name]
        tiers: dict[str, str] = await mesh.agent(name, timeout=30).echoes(others=others, data="hi")
        return tiers

    for tiers in await asyncio.gather(*map(ask, NAMES)):
        assert set(tiers.values()) == {"direct"}
    seen: dict[str, list[str]] = {}
    for name in NAMES:
        for link in await mesh.agent(name).links():
            if link["peer"] in NAMES:
                pair = "-".join(sorted((name, link["peer"])))
                seen.setdefault(pair, []).append(link["link"])
                attempts.setdefault(pair, []).append(link["attempts"])
    assert len(seen) == 10
    for pair, (one, other) in seen.items():  # named by both ends, and by the same name
        assert one == other, pair


def begin(net: TestMesh, gate: Path, url: str) -> None:
    for name in NAMES:
        net.worker(name, wait=False, GATE=str(gate), CHATIXIA_REGISTRY_URL=url)
    for name in NAMES:
        net.workers[name].wait_for("warmed")
    with gate.open("wb"):  # held open: whoever comes late to the barrier passes too
        for name in NAMES:
            net.workers[name].wait_for("online")


@pytest.mark.timeout(300)
async def test_five_at_once_twenty_times(net: TestMesh, tmp_path: Path):
    net.up()
    attempts: dict[str, list[int]] = {}
    spread: list[float] = []
    async with Liar(net.port) as liar, net.client() as mesh:
        liar.together = asyncio.Barrier(len(NAMES))
        # Every round must hold; those count that a busy machine did not pull apart.
        while sum(seconds <= TOGETHER for seconds in spread) < ROUNDS:
            assert len(spread) < MOST, f"never together: {spread}"
            gate = tmp_path / f"gate{len(spread)}"
            os.mkfifo(gate)
            liar.passed.clear()
            # In a thread: a client whose own loop stands still cannot hear that a link closed.
            await asyncio.to_thread(begin, net, gate, liar.url)
            assert len(liar.passed) == len(NAMES)
            spread.append(max(liar.passed) - min(liar.passed))
            await one_round(mesh, attempts)
            codes = await asyncio.to_thread(lambda: [net.workers[n].stop() for n in NAMES])
            assert codes == [0] * len(NAMES)
    print("attempts of each pair, both ends:", attempts)
    print("seconds from the first to the last register frame:", spread)
