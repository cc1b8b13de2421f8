"""A storm: registry and workers killed, stopped and restarted at random, while clients submit,
wait and call. No acknowledged task is lost, none that may be tried once is begun twice, and what
was reported as failed for sure is nowhere, waits included."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.wire.tasks import Body, Query, Ref, Task
from tests.acceptance.harness import TestMesh
from tests.lab.history import TERMINAL, Event, Row, check, read
from tests.lab.procs import Process

HERE = Path(__file__).parent
NAMES = ("a", "b", "c")
HEALING = 120.0
"""Seconds in which all that was acknowledged ends once nothing is torn any more."""


class Storm:
    """A mesh, what tears at it, and the histories of its processes."""

    def __init__(self, net: TestMesh, folder: Path, seed: int) -> None:
        self.net, self.folder, self.rng = net, folder, random.Random(seed)
        self.did: Counter[str] = Counter()
        self.clients: list[Process] = []
        self.deck: list[Callable[[], None]] = []

    # -- processes

    def start(self) -> None:
        self.net.up()
        for name in NAMES:
            self.worker(name)
        for name in NAMES:
            self.net.workers[name].wait_for("online")
        for n in range(2):
            words = (str((n + 1) * 1_000_000), str(self.folder / f"client{n}"))
            client = self.process("storm_client", *words)
            client.wait_for("storming")
            self.clients.append(client)

    def worker(self, name: str) -> None:
        file = str(self.folder / f"worker-{name}")
        self.net.workers[name] = self.process("storm_worker", name, file)

    def process(self, program: str, *words: str) -> Process:
        command = (sys.executable, str(HERE / f"{program}.py"), *words)
        return self.net.procs.start(program=command, PYTHONPATH=str(HERE.parents[1]))

    def any_worker(self) -> str:
        return self.rng.choice(NAMES)

    # -- tearing

    def kill_registry(self) -> None:
        self.net.kill_registry()
        time.sleep(self.rng.choice((0.0, 0.0, 1.0)))
        self.net.up()

    def stop_registry(self) -> None:
        self.pause(self.net.registry)

    def kill_worker(self) -> None:
        name = self.any_worker()
        self.net.workers[name].popen.send_signal(signal.SIGKILL)
        self.net.workers[name].wait()
        self.worker(name)

    def stop_worker(self) -> None:
        self.pause(self.net.workers[self.any_worker()])

    def restart_worker(self) -> None:
        name = self.any_worker()
        self.net.workers[name].popen.send_signal(signal.SIGTERM)
        self.net.workers[name].wait()
        self.worker(name)

    def pause(self, process: Process) -> None:
        process.popen.send_signal(signal.SIGSTOP)
        time.sleep(self.rng.choice((0.2, 1.0, 6.0)))
        process.popen.send_signal(signal.SIGCONT)

    def act(self) -> None:
        """The next of all ways to tear, in an order by chance."""
        if not self.deck:
            self.deck = [
                self.kill_registry,
                self.kill_registry,
                self.stop_registry,
                self.kill_worker,
                self.kill_worker,
                self.stop_worker,
                self.restart_worker,
            ]
            self.rng.shuffle(self.deck)
        do = self.deck.pop()
        do()
        self.did[do.__name__] += 1

    def rage(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.act()
            time.sleep(self.rng.uniform(0.2, 2.0))

    def heal(self) -> None:
        """Everything runs again; the clients end when their waits have."""
        for client in self.clients:
            client.popen.send_signal(signal.SIGTERM)
        for client in self.clients:
            assert client.wait(HEALING) == 0, client.output

    # -- what is left

    def events(self) -> list[Event]:
        return read(sorted(self.folder.iterdir()))

    def rows(self, acknowledged: set[int]) -> dict[int, Row]:
        """Every task by the number of its work, once all that was acknowledged has ended."""
        until, found = time.monotonic() + HEALING, dict[int, Row]()
        with RegistryClient.owner(Profile.open(home=self.net.procs.home)) as rest:
            ended: set[str] = set()
            while True:
                for task in listed(rest, ended):
                    n, row = shown(rest.call("tasks.get", Ref(task)))
                    found[n] = row
                    if row.state in TERMINAL:
                        ended.add(task)
                if all(n in found and found[n].state in TERMINAL for n in acknowledged):
                    return found
                if time.monotonic() > until:
                    return found
                time.sleep(0.5)


def listed(rest: RegistryClient, but: set[str]) -> list[str]:
    """The ids of all tasks that are not among those."""
    found, cursor = [], ""
    while True:
        page = rest.call("tasks.list", Query(cursor=cursor, limit=100))
        found += [task.id for task in page.tasks if task.id not in but]
        cursor = page.next
        if not cursor:
            return found


def shown(task: Task) -> tuple[int, Row]:
    """The number of a task's work, and what became of it."""
    given = msgspec.json.decode(plain(task.payload))
    value = msgspec.json.decode(plain(task.result)) if task.result is not None else None
    code, outcome = task.state, "definite"
    if task.error is not None:
        code, outcome = task.error.code, task.error.outcome
    return given["n"], Row(task.state, task.fence, value, code, outcome)


def plain(body: Body) -> bytes:
    """A body's bytes."""
    assert isinstance(body.plain, msgspec.Raw)
    return bytes(body.plain)


# Each with a bound of its own: one at the function would hold for both.
SHORT = pytest.param(60, marks=pytest.mark.timeout(420))
FULL = pytest.param(600, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])
SEEDS = {60: 11, 600: 12}


@pytest.mark.parametrize("seconds", [SHORT, FULL])
def test_a_storm_loses_nothing_and_says_nothing_untrue(
    net: TestMesh, tmp_path: Path, seconds: int, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "histories"
    folder.mkdir()
    storm = Storm(net, folder, SEEDS[seconds])
    storm.start()
    storm.rage(seconds)
    storm.heal()
    events = storm.events()
    ends = Counter(f"{event.act} {event.end or 'begun'}" for event in events)
    acknowledged = {event.n for event in events if event.act == "submit" and event.end == "ok"}
    rows = storm.rows(acknowledged)
    with capsys.disabled():
        print(f"\nstorm of {seconds} s: {dict(storm.did)}\n  {dict(sorted(ends.items()))}")
        print(f"  {len(rows)} tasks: {dict(Counter(row.state for row in rows.values()))}")
    broken = check(events, rows)
    assert not broken, "\n".join(broken[:40])
    assert ends["submit ok"] >= 5 * seconds and ends["call ok"] >= seconds, ends
    assert ends["wait ok"] + ends["wait unknown"] + ends["wait definite"] == ends["wait begun"]
    assert storm.did["kill_registry"] >= seconds // 20, storm.did
    assert storm.did["kill_worker"] >= seconds // 30, storm.did
    assert storm.did["stop_registry"] and storm.did["stop_worker"] and storm.did["restart_worker"]
