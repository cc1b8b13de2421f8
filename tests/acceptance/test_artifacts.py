"""Files over a bad wire, between two processes: whole, at a bounded price, through cuts and kills.

`anna`, behind a wire, fetches what `bob` has. What each end's memory does is read at 10 Hz.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from chatixia.wire.artifacts import CHUNK
from tests.acceptance.harness import MOVER
from tests.acceptance.test_bad_wires import HOUR, behind
from tests.acceptance.test_paths import LONG, Stage
from tests.acceptance.test_paths import stage as stage
from tests.lab.disks import small_disk
from tests.lab.procs import Process
from tests.lab.wire import Wire
from tests.until import until_sync

MIB = 1024 * 1024
GROWTH = 32 * MIB
TWICE = 2 * CHUNK
pytestmark = [pytest.mark.root, pytest.mark.timeout(LONG + 120)]


class Load(NamedTuple):
    """A file, and the wire that it goes over."""

    size: int
    wire: Wire


SMALL = Load(5 * MIB, Wire(delay=0.005, loss=0.01))
LARGE = Load(100 * MIB, Wire(delay=0.025))
LOSSY = Load(100 * MIB, Wire(delay=0.025, loss=0.01))
soak = [pytest.mark.soak, pytest.mark.timeout(HOUR)]
LOADS = {"5 MB, 1 %": SMALL, "100 MB at 50 ms": LARGE, "100 MB at 50 ms, 1 %": LOSSY}
CASES = [name if name.startswith("5") else pytest.param(name, marks=soak) for name in LOADS]


class Memory(threading.Thread):
    """Reads what processes hold, ten times a second, from its start until ``end``."""

    def __init__(self, *processes: Process) -> None:
        super().__init__(daemon=True)
        self._seen = [psutil.Process(process.pid) for process in processes]
        self._over = threading.Event()
        self.first = self.most = self._read()
        self.start()

    def _read(self) -> list[int]:
        return [process.memory_info().rss for process in self._seen]

    def run(self) -> None:
        while not self._over.wait(0.1):
            self.most = [max(pair) for pair in zip(self.most, self._read(), strict=True)]

    def end(self) -> list[int]:
        """By how many bytes each grew at most."""
        self._over.set()
        self.join()
        return [most - first for most, first in zip(self.most, self.first, strict=True)]


class Haul:
    """A file of random bytes at `bob`, and a folder at `anna` that it is to come to."""

    def __init__(self, stage: Stage, folder: Path, load: Load) -> None:
        self.stage, self.size = stage, load.size
        self.there, self.here = folder / "there.bin", folder / "here.bin"
        self.arrived = folder / "arrived"
        with self.there.open("wb") as out:
            for _ in range(load.size // MIB):
                out.write(os.urandom(MIB))
        stage.program = MOVER
        stage.settings["ARRIVED"] = str(self.arrived)
        stage.set_up(behind(load.wire))

    def fetch(self) -> Process:
        """Begin."""
        words = ("of=bob", f"path={self.there}", f"to={self.here}", "--timeout", "1800", "--json")
        return self.stage.procs.start("call", "anna", "fetch", *words, host=self.stage.anna.host)

    def came(self) -> int:
        """Bytes that came so far, those that came twice among them."""
        if not self.arrived.exists():
            return 0
        lines = self.arrived.read_text().split("\n")[:-1]
        return sum(int(line.split()[1]) for line in lines)

    def half(self) -> None:
        """Wait until half of it has come."""
        until_sync(lambda: self.came() >= self.size // 2, LONG, pause=0.02)

    def told(self, call: Process) -> dict[str, Any]:
        """What the call said, once the file is whole, which another process judges."""
        assert call.wait(HOUR / 2) == 0, call.output
        sums = subprocess.run(
            ["sha256sum", self.there, self.here], capture_output=True, text=True, check=True
        )
        one, other = (line.split()[0] for line in sums.stdout.splitlines())
        said: dict[str, Any] = json.loads(call.stream("out"))["value"]
        assert one == other == said["sha256"]
        return said


@pytest.mark.parametrize("name", CASES)
def test_a_file_comes_whole_and_no_process_holds_it(stage: Stage, tmp_path: Path, name: str):
    haul = Haul(stage, tmp_path, LOADS[name])
    stage.via()
    memory = Memory(stage.workers["anna"], stage.workers["bob"])
    said = haul.told(haul.fetch())
    grown = memory.end()
    again = haul.came() - haul.size
    print(f"{name}: {said['mb_s']:.1f} MB/s via {said['via']},", end=" ")
    print(f"memory +{grown[0] / MIB:.1f} and +{grown[1] / MIB:.1f} MiB, {again} bytes twice")
    assert max(grown) < GROWTH
    assert again <= TWICE


HALVED = Load(2 * MIB, SMALL.wire)
SIZES = [HALVED, pytest.param(LARGE, marks=soak)]


@pytest.mark.parametrize("load", SIZES, ids=["2 MB", "100 MB"])
def test_a_cut_at_half_sends_next_to_nothing_twice(stage: Stage, tmp_path: Path, load: Load):
    haul = Haul(stage, tmp_path, load)
    stage.via()
    call = haul.fetch()
    haul.half()
    stage.anna.router.cut()
    until_sync(lambda: open_links(stage) == [], LONG, pause=0.2)
    before = haul.came()
    stage.anna.router.open()
    haul.told(call)
    print(f"cut at {before} of {haul.size}: {haul.came() - haul.size} bytes came twice")
    assert haul.size // 2 <= before < haul.size
    assert haul.came() - haul.size <= TWICE


def open_links(stage: Stage) -> list[Any]:
    """The links that `bob` has to `anna`."""
    done = stage.procs.run(*("call", "bob", "links", "--json"), host=stage.bob.host)
    assert done.returncode == 0, done.output
    return [link for link in json.loads(done.stdout)["value"] if link["peer"] == "anna"]


@pytest.mark.parametrize("load", SIZES, ids=["2 MB", "100 MB"])
def test_a_receiver_that_is_killed_at_half_goes_on_there(stage: Stage, tmp_path: Path, load: Load):
    haul = Haul(stage, tmp_path, load)
    stage.via()
    call = haul.fetch()
    haul.half()
    stage.workers["anna"].kill()
    assert call.wait(LONG) != 0
    before = haul.came()
    stage.begin("anna")
    stage.workers["anna"].wait_for("online", timeout=LONG)
    haul.told(haul.fetch())
    print(f"killed at {before} of {haul.size}: {haul.came() - haul.size} bytes came twice")
    assert haul.size // 2 <= before < haul.size
    assert haul.came() - haul.size <= TWICE


def test_a_full_disk_is_one_clear_error_at_both_ends_and_leaves_nothing(
    stage: Stage, tmp_path: Path
):
    with small_disk(tmp_path / "small", 2 * MIB) as small:  # before any namespace of mounts is made
        haul = Haul(stage, tmp_path, SMALL)
        words = ("to=bob", f"path={haul.there}", f"there={small / 'it.bin'}", "--json")
        done = stage.procs.run("call", "anna", "give", *words, host=stage.anna.host)
        said = json.loads(done.stdout)["error"]
        assert done.returncode and said["code"] == "disk_full" and "no room" in said["message"]
        [line] = re.findall(r"take: .*", stage.workers["bob"].output)
        assert line == f"take: disk_full: {said['message']}"
        assert list(small.iterdir()) == []
    assert not list(stage.procs.home.glob("**/*.part")) and not haul.here.exists()
