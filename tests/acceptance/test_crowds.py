"""Many agents in a few processes: a full mesh of links and what it costs to keep, and a broadcast
to all. A part of the size in `make test`, all of it in `make soak`."""

from __future__ import annotations

import re
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.acceptance.harness import TestMesh
from tests.lab.procs import Process
from tests.until import until_sync

CROWDED = Path(__file__).with_name("crowded.py")
ONLINE, HANG = 300.0, 60.0
soak = [pytest.mark.soak, pytest.mark.timeout(1200)]
pytestmark = pytest.mark.timeout(300)
OPEN_SECONDS, SHARE_MS = 25.0, 0.2
"""All links of fifty agents are up in so many seconds; what watches one costs so much a second."""
CALM, MEASURED = 5.0, 20.0
BROADCAST_SECONDS = 2.0


class Crowd(NamedTuple):
    """So many agents, in so many processes."""

    agents: int
    processes: int

    def start(self, net: TestMesh, keep: str, **env: str) -> list[Process]:
        """All of them, online."""
        share, rest = divmod(self.agents, self.processes)
        started, first = [], 0
        for n in range(self.processes):
            count = share + (n < rest)
            program = (sys.executable, str(CROWDED), str(first), str(count))
            started.append(net.procs.start(program=program, CHATIXIA_LINKS_KEEP=keep, **env))
            first += count
        for process in started:
            process.wait_for("all online", timeout=ONLINE)
        return started


def ends(crowd: list[Process], which: str = "ends") -> int:
    """Ends of links that all have told last, or those that are ``direct``."""
    told = [re.findall(rf"{which} (\d+)", process.output) for process in crowd]
    return sum(int(each[-1]) for each in told if each)


def cpu(crowd: list[Process]) -> float:
    """Milliseconds of CPU that all use in a second."""
    processes = [psutil.Process(process.pid) for process in crowd]

    def used() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    time.sleep(CALM)
    began, before = time.monotonic(), used()
    time.sleep(MEASURED)  # what is measured is that time
    return 1000 * (used() - before) / (time.monotonic() - began)


MESHES = [Crowd(14, 2), pytest.param(Crowd(50, 4), marks=soak)]


@pytest.mark.parametrize("size", MESHES, ids=lambda size: str(size.agents))
def test_a_full_mesh_is_up_and_idles_cheaply(net: TestMesh, size: Crowd):
    net.up()
    links = size.agents * (size.agents - 1) // 2
    crowd = size.start(net, "all")
    began = time.monotonic()
    bound = HANG if size.agents < 50 else ONLINE
    try:
        until_sync(lambda: ends(crowd) == 2 * links, bound, pause=0.1, what=f"{links} links")
    finally:
        print(f"{ends(crowd)} ends of {2 * links}")
    took = time.monotonic() - began
    print(f"{size.agents} agents: {links} links {took:.1f} s after the last is online")
    if size.agents < 50:
        return
    whole = cpu(crowd)
    for process in crowd:
        process.popen.send_signal(signal.SIGUSR2)
        process.wait_for("unwatched")
    engine = cpu(crowd)
    share = (whole - engine) / (2 * links)
    print(f"idle: {whole:.0f} ms/s, the engine {engine:.0f}; our share of an end {share:.3f}")
    assert took < OPEN_SECONDS and share <= SHARE_MS


def test_links_that_all_want_at_once_end_direct(net: TestMesh):
    """The relay is asked for before a busy engine has described its offer, which counts all the
    same."""
    net.up()
    size = Crowd(10, 2)
    crowd = size.start(net, "200", CHATIXIA_LINKS_RELAY="true")
    for process in crowd:
        process.popen.send_signal(signal.SIGUSR1)
    asked = [int(process.wait_for(r"asked (\d+)", timeout=2 * HANG)[1]) for process in crowd]
    links = size.agents * (size.agents - 1)
    assert sum(asked) == links
    until_sync(lambda: ends(crowd, "direct") == links, 2 * HANG, what="every link direct")
    for process in crowd:
        assert not re.search(r"offered attempt \d+ again", process.output)


CROWDS = [Crowd(40, 1), pytest.param(Crowd(500, 4), marks=soak)]


@pytest.mark.parametrize("size", CROWDS, ids=lambda size: str(size.agents))
async def test_a_broadcast_reaches_all(net: TestMesh, size: Crowd):
    net.up()
    crowd = size.start(net, "32")
    assert ends(crowd) == 0, "links open when they are used"
    async with net.client() as mesh:
        began = time.monotonic()
        receipts = await mesh.broadcast("hello")
        took = time.monotonic() - began
    held = [psutil.Process(process.pid).memory_info().rss for process in (*crowd, net.registry)]
    each, registry = sum(held[:-1]) / size.agents / 2**20, held[-1] / 2**20
    print(f"{size.agents} agents: {len(receipts)} receipts in {took:.2f} s;", end=" ")
    print(f"{each:.2f} MiB an agent, the registry {registry:.0f} MiB")
    if size.agents >= 500:
        print(f"idle: {cpu([*crowd, net.registry]):.0f} ms of CPU a second, of all")
    assert [receipt.agent for receipt in receipts if not receipt.ok] == []
    assert len({receipt.agent for receipt in receipts}) == size.agents
    assert {receipt.via for receipt in receipts} == {"registry, plain"}
    assert took < BROADCAST_SECONDS or size.agents < 500
