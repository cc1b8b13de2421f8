"""Five agents released by one barrier, twenty times: every pair ends with one working link."""

from __future__ import annotations

import asyncio
import collections
import os
from pathlib import Path

from tests.acceptance.harness import TestMesh

NAMES = ("v", "w", "x", "y", "z")
ROUNDS = 20


async def one_round(mesh, attempts: collections.Counter[int]) -> None:  # type: ignore[no-untyped-def]
    async def ask(name: str) -> dict[str, str]:
        others = [other for other in NAMES if other != name]
        tiers: dict[str, str] = await mesh.agent(name, timeout=30).echoes(others=others, data="hi")
        return tiers

    for tiers in await asyncio.gather(*map(ask, NAMES)):
        assert set(tiers.values()) == {"direct"}
    seen: dict[frozenset[str], set[str]] = {}
    for name in NAMES:
        for link in await mesh.agent(name).links():
            if link["peer"] in NAMES:
                seen.setdefault(frozenset((name, link["peer"])), set()).add(link["link"])
                attempts[link["attempts"]] += 1
    assert len(seen) == 10
    assert all(len(names) == 1 for names in seen.values()), seen


def begin(net: TestMesh, gate: Path) -> None:
    for name in NAMES:
        net.worker(name, wait=False, GATE=str(gate))
    for name in NAMES:
        net.workers[name].wait_for("warmed")
    with gate.open("wb"):  # held open: whoever comes late to the barrier passes too
        for name in NAMES:
            net.workers[name].wait_for("online")


async def test_five_at_once_twenty_times(net: TestMesh, tmp_path):  # type: ignore[no-untyped-def]
    net.up()
    attempts: collections.Counter[int] = collections.Counter()
    async with net.client() as mesh:
        for turn in range(ROUNDS):
            gate = tmp_path / f"gate{turn}"
            os.mkfifo(gate)
            # In a thread: a client whose own loop stands still cannot hear that a link closed.
            await asyncio.to_thread(begin, net, gate)
            await one_round(mesh, attempts)
            codes = await asyncio.to_thread(lambda: [net.workers[n].stop() for n in NAMES])
            assert codes == [0] * len(NAMES)
    print("attempts per link end:", dict(attempts))
