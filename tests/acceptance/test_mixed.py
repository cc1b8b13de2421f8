"""Calls, streams and files under loss, while peers restart and tiers move: each has one outcome,
none runs twice, and who lives through it holds no more at the end than at the start.

A minute in `make test`, half an hour in `make soak`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.acceptance.mixed_client import WORKERS
from tests.acceptance.test_bad_wires import behind
from tests.acceptance.test_paths import LONG, Stage
from tests.acceptance.test_paths import stage as stage
from tests.lab.history import Event, check, read
from tests.lab.procs import Process
from tests.lab.wire import Wire
from tests.until import until_sync

HERE = Path(__file__).parent
ENDING = 60.0
"""Seconds in which every call has ended: their own time, and something for a busy machine."""
MORE_BYTES, MORE_FILES, MORE_THREADS = 8 * 2**20, 12, 2
"""What a process may hold more: it may have a few links more than when it was first looked at."""
PAGES = 48 * 2**20
"""What the registry may: its database keeps up to 32 MiB of pages, and files went through it."""


class Mixed:
    """The client behind a bad wire, workers in the other house, and what is done to them."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.folder, self.rng = stage, folder, random.Random(8)
        self.did: Counter[str] = Counter()
        self.workers: dict[str, Process] = {}
        self.client: Process

    def start(self) -> None:
        self.stage.serve()
        scene = behind(Wire(delay=0.01, loss=0.01, duplicate=0.005))
        self.stage.anna, self.stage.bob = scene.homes(self.stage.net)
        for name in WORKERS:
            self.work(name)
        for name in WORKERS:
            self.workers[name].wait_for("online", timeout=LONG)
        self.client = self.process("mixed_client", str(self.folder / "client"), near=True)
        self.client.wait_for("begun", timeout=LONG)

    def work(self, name: str) -> None:
        self.workers[name] = self.process("mixed_worker", name, str(self.folder / name))

    def process(self, program: str, *words: str, near: bool = False) -> Process:
        command = (sys.executable, str(HERE / f"{program}.py"), *words)
        host = (self.stage.anna if near else self.stage.bob).host
        roots = filter(None, (str(HERE.parents[1]), os.environ.get("PYTHONPATH")))
        path = os.pathsep.join(roots)
        return self.stage.procs.start(program=command, host=host, PYTHONPATH=path)

    # -- what is done

    def kill(self) -> None:
        name = self.rng.choice(WORKERS[:-1])
        self.workers[name].kill()
        self.work(name)

    def restart(self) -> None:
        name = self.rng.choice(WORKERS[:-1])
        self.workers[name].stop()
        self.work(name)

    def move_down(self) -> None:
        self.stage.anna.router.block_udp()
        time.sleep(self.rng.uniform(5.0, 8.0))
        self.stage.anna.router.open()

    def short_cut(self) -> None:
        self.stage.anna.router.cut()
        time.sleep(self.rng.uniform(0.5, 2.0))
        self.stage.anna.router.open()

    def other_loss(self) -> None:
        assert self.stage.anna.wire
        self.stage.anna.wire.change(loss=self.rng.choice((0.0, 0.01, 0.03)))

    def rage(self, seconds: float) -> None:
        until, deck = time.monotonic() + seconds, list[Callable[[], None]]()
        acts = [self.kill, self.restart, self.move_down, self.short_cut, self.other_loss]
        while time.monotonic() < until:
            deck = deck or self.rng.sample(acts, len(acts))
            do = deck.pop()
            do()
            self.did[do.__name__] += 1
            time.sleep(self.rng.uniform(1.0, 3.0))  # the pause between two blows

    # -- the end

    def end(self) -> list[Event]:
        """Nothing is begun any more; all that was done, once all has ended."""
        self.client.popen.send_signal(signal.SIGTERM)
        self.client.wait_for("quiet", timeout=ENDING)
        return read(sorted(self.folder.iterdir()))


def unended(events: list[Event]) -> list[str]:
    """What did not end exactly once."""
    begun = Counter((event.act, event.n) for event in events if not event.end)
    ended = Counter((event.act, event.n) for event in events if event.end)
    asked = [key for key in begun if key[0] != "run"]
    return [f"{act} {n} ended {ended[act, n]} times" for act, n in asked if ended[act, n] != 1]


class Held:
    """What one process holds: memory, descriptors, threads."""

    def __init__(self, process: Process, more: int = MORE_BYTES) -> None:
        self.process, self.more = psutil.Process(process.pid), more
        self.first = self.now()

    def now(self) -> tuple[int, int, int]:
        one = self.process
        return one.memory_info().rss, one.num_fds(), one.num_threads()

    def settled(self) -> bool:
        """All three are what they were, or soon will be."""
        (rss, files, threads), now = self.first, self.now()
        most = rss + max(rss // 20, self.more), files + MORE_FILES, threads + MORE_THREADS
        return all(have <= may for have, may in zip(now, most, strict=True))

    def __str__(self) -> str:
        first, now = self.first, self.now()
        more = (now[0] - first[0]) / 2**20
        return (
            f"{first[0] / 2**20:.0f} {more:+.1f} MiB, descriptors {first[1]} to {now[1]},"
            f" threads {first[2]} to {now[2]}"
        )


SHORT = pytest.param(60, marks=pytest.mark.timeout(400))
FULL = pytest.param(1800, marks=[pytest.mark.soak, pytest.mark.timeout(2600)])


@pytest.mark.root
@pytest.mark.parametrize("seconds", [SHORT, FULL])
def test_calls_streams_and_files_have_one_outcome_whatever_moves(
    stage: Stage, tmp_path: Path, seconds: int
):
    folder = tmp_path / "histories"
    folder.mkdir()
    mixed = Mixed(stage, folder)
    mixed.start()
    mixed.rage(seconds / 3)
    costs = {
        "client": Held(mixed.client),
        "dora": Held(mixed.workers["dora"]),
        "registry": Held(stage.registry, PAGES),
    }
    mixed.rage(seconds * 2 / 3)
    events = mixed.end()
    ends = Counter(f"{event.act} {event.end or 'begun'}" for event in events)
    codes = Counter(event.code for event in events if event.code)
    print(f"{seconds} s: {dict(mixed.did)}\n  {dict(sorted(ends.items()))}\n  {dict(codes)}")
    print(" ", mixed.client.wait_for("quiet .*")[0])
    for name, cost in costs.items():
        print(f"  {name}: {cost}")
    assert not unended(events) and not check(events, {})
    assert ends["call ok"] > 2 * seconds and ends["read ok"] > seconds / 4, ends
    for name, cost in costs.items():
        until_sync(cost.settled, LONG, pause=0.1, what=f"{name}: {cost}")
