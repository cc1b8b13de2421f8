"""What an outcome says is true: a registry that dies after a commit and before its answer makes
no loop say that nothing happened, and waiting for work is not the work."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.api_key_agent import ApiKeyPort
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.client import mesh as client_mesh
from chatixia.client.call_context import CallContext
from chatixia.client.gather import gather
from chatixia.client.mesh import Mesh
from chatixia.errors import MeshError
from chatixia.wire.tasks import Query
from tests.acceptance.doors import api_key
from tests.acceptance.harness import TestMesh
from tests.lab.netns import Lab
from tests.lab.procs import Procs

CRASHING = (sys.executable, str(Path(__file__).with_name("crashing.py")))
MANY = 1_500
ROUNDS = [1, pytest.param(3, marks=pytest.mark.soak)]
Act = Callable[[int, float], Awaitable[Any]]
"""Asks ``a`` to mark a number, within so many seconds."""


class Doors:
    """Each loop that tries a submit again, as something to call."""

    def __init__(self, net: TestMesh, mesh: Mesh) -> None:
        self.mesh = mesh
        self.keyless = ApiKeyPort(
            f"http://127.0.0.1:{net.port}", api_key(net.procs.home, "outsider"), "outsider"
        )
        self.outside = Mesh(CallContext(self.keyless))

    def all(self) -> dict[str, Act]:
        return {
            "submit": lambda n, _: self.submit(self.mesh, n),
            "call": lambda n, seconds: self.call(self.mesh, n, seconds, False),
            "insist": lambda n, seconds: self.call(self.mesh, n, seconds, True),
            "keyless submit": lambda n, _: self.submit(self.outside, n),
            "keyless call": lambda n, seconds: self.call(self.outside, n, seconds, False),
        }

    async def submit(self, mesh: Mesh, n: int) -> Any:
        return await (await mesh.submit("a", "mark", {"n": n}, max_attempts=1))

    async def call(self, mesh: Mesh, n: int, seconds: float, idempotent: bool) -> Any:
        handle = mesh.agent("a", queue="only", timeout=seconds, idempotent=idempotent)
        return await handle.mark(n=n)


class Crashes:
    """A registry that can be made to die at its next new task."""

    def __init__(self, net: TestMesh, folder: Path) -> None:
        self.net, self.file = net, folder / "crash"
        self.up()

    def up(self) -> None:
        self.net.up(program=CRASHING, CRASH=str(self.file))

    async def during(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        """Start ``work`` and see the registry die of it."""
        self.file.touch()
        task = asyncio.ensure_future(work)
        assert await asyncio.to_thread(self.net.registry.wait) == -9
        assert not self.file.exists()
        return task


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_a_submit_whose_answer_was_lost_gets_it_by_its_key(
    net: TestMesh, tmp_path: Path, rounds: int
):
    ledger = tmp_path / "ledger"
    crashes = Crashes(net, tmp_path)
    net.worker("a", LEDGER=str(ledger))
    async with net.client() as mesh:
        doors = await asyncio.to_thread(Doors, net, mesh)
        acts = list(doors.all().values()) * rounds
        for n, act in enumerate(acts):
            await back(mesh)
            task = await crashes.during(act(n, 60))
            await asyncio.to_thread(crashes.up)
            assert await asyncio.wait_for(task, 60) == n
        await doors.keyless.stop()
    assert sorted(ledger.read_text().split()[1::2], key=int) == [*map(str, range(len(acts)))]


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_while_the_registry_stays_away_a_lost_answer_is_an_unknown_outcome(
    net: TestMesh, tmp_path: Path, rounds: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_mesh, "DOUBT_S", 1.5)
    crashes = Crashes(net, tmp_path)
    async with net.client() as mesh:
        (await asyncio.to_thread(net.worker, "a")).stop()  # it is known, and away
        doors = await asyncio.to_thread(Doors, net, mesh)
        for name, act in list(doors.all().items()) * rounds:
            await back(mesh)
            stored = await asyncio.to_thread(count, net)
            task = await crashes.during(act(0, 2.0))
            with pytest.raises(MeshError) as raised:
                await asyncio.wait_for(task, 30)
            assert raised.value.outcome == "unknown", (name, raised.value)
            await asyncio.to_thread(crashes.up)
            assert await asyncio.to_thread(count, net) == stored + 1, name
        await doors.keyless.stop()


async def test_waiting_for_many_tasks_at_once_fails_for_none(net: TestMesh):
    """More than one login may watch, and more than may wait for an answer of the registry: by who
    submitted them, and by another who only knows their ids."""
    net.up()
    (await asyncio.to_thread(net.worker, "a")).stop()  # known, and away until all wait
    async with net.client() as mesh, net.client() as other:
        work = (mesh.submit("a", "mark", {"n": n}) for n in range(MANY))
        tasks = await gather(work, limit=200)
        waits = [asyncio.ensure_future(task.reply()) for task in tasks]
        waits += [asyncio.ensure_future(other.task(task.id).reply()) for task in tasks]
        async with asyncio.timeout(60):
            [away] = await mesh.agents()  # and there is room for something else
            assert (away.agent_id, away.waiting) == ("a", 1_000)
            await asyncio.to_thread(net.worker, "a", SLOTS="64")
            replies = await asyncio.gather(*waits)
        assert [reply.value for reply in replies] == [*range(MANY)] * 2
    print(f"waits {len(waits)}, failed 0")


NO_UDP = """
table inet deaf {
  chain input {
    type filter hook input priority 0
    meta l4proto udp drop
  }
}
"""


@pytest.mark.root
def test_a_call_says_how_long_it_took_and_why_it_took_the_queue(lab: Lab, procs: Procs):
    """UDP dropped: seconds pass before the queue takes it, and they are not the queue's."""
    host = lab.host("a")
    host.nft(NO_UDP)
    net = TestMesh(procs, host)
    net.up()
    net.worker("weather")
    began = time.monotonic()
    done = procs.run("call", "weather", "echo", "data=x", host=host)
    passed = 1000 * (time.monotonic() - began)
    assert done.returncode == 0, done.stderr
    line = re.search(
        r"weather, queue, plain, ([\d.]+) s; no direct path: no answer over UDP, tried for (\S+) s",
        done.stderr,
    )
    assert line, done.stderr
    said, tried = 1000 * float(line[1]), 1000 * float(line[2])
    assert tried <= said <= passed and tried >= 4_900, done.stderr
    print(line[0])


async def back(mesh: Mesh) -> None:
    """Until this client is logged in again."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(MeshError):
                await mesh.agents()
                return
            await asyncio.sleep(0.05)


def count(net: TestMesh) -> int:
    """How many tasks the registry has."""
    with RegistryClient.owner(Profile.open(home=net.procs.home)) as rest:
        return len(rest.call("tasks.list", Query()).tasks)
