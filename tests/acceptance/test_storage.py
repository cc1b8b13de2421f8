"""The disk fills and the process dies: what was acknowledged stays, what was refused is not there.

Client processes write their own histories (``submitter.py``); the checks know nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.acceptance.doors import Http, api_key
from tests.acceptance.harness import TestMesh
from tests.lab.disks import fill, small_disk
from tests.lab.procs import Process
from tests.until import until_sync

PROGRAM = Path(__file__).with_name("submitter.py")
MIB = 1024 * 1024
TERMINAL = {"completed", "failed", "canceled", "rejected"}


class Clients:
    """Submitters in processes of their own, and what they wrote down."""

    def __init__(self, net: TestMesh, folder: Path, count: int) -> None:
        self.net = net
        self.key = api_key(net.procs.home, "script")
        self.files = [folder / f"history{n}" for n in range(count)]
        self.running: list[Process] = []

    def start(self, wave: int = 0) -> None:
        for n, file in enumerate(self.files):
            words = (str(self.net.port), self.key, f"t{wave}-{n}", str(file))
            program = (sys.executable, str(PROGRAM), *words)
            self.running.append(self.net.procs.start(program=program))

    def stop(self) -> None:
        for process in self.running:
            assert process.stop() == 0, process.output
        self.running.clear()

    def ended(self, how: str) -> set[str]:
        """The tasks whose submit ended so; `invoke`: all that were tried."""
        texts = [file.read_text() for file in self.files if file.exists()]
        lines = [line for text in texts for line in text.splitlines(keepends=True)]
        whole = [line.split() for line in lines if line.endswith("\n")]
        return {task for word, task in whole if word == how}

    def more(self, how: str, than: int) -> None:
        """Wait until more submits than that ended so."""
        until_sync(lambda: len(self.ended(how)) > than)

    def states(self, tasks: set[str]) -> dict[str, str]:
        """Each task's state at the registry; "" where there is none."""
        http = Http(self.net.port, self.key)
        found = {}
        for task in sorted(tasks):
            status, said = http.ask("GET", f"/api/hub/tasks/{task}")
            assert status in (200, 404), said
            found[task] = said["state"] if status == 200 else ""
        http.close()
        return found

    def check(self) -> None:
        """Hold the registry against the histories."""
        lost = [task for task, state in self.states(self.ended("ok")).items() if not state]
        assert not lost, f"acknowledged and gone: {lost}"
        there = [task for task, state in self.states(self.ended("definite")).items() if state]
        assert not there, f"reported as failed and there: {there}"

    def unknown_and_there(self) -> int:
        """How many that ended in neither are there after all."""
        open_ends = self.ended("invoke") - self.ended("ok") - self.ended("definite")
        return sum(bool(state) for state in self.states(open_ends).values())

    def all_end(self) -> None:
        """Every acknowledged submit is terminal within 60 s."""
        left = self.ended("ok")

        def done() -> bool:
            states = self.states(left)
            left.difference_update(task for task, state in states.items() if state in TERMINAL)
            return not left

        until_sync(done, 60)


def test_killed_between_commit_and_reply_under_load(net: TestMesh, tmp_path: Path):
    net.up()
    net.worker("a")
    clients = Clients(net, tmp_path, 4)
    clients.start()
    between = 0
    for kills in range(1, 13):
        clients.more("ok", len(clients.ended("ok")) + 40)
        net.kill_registry()
        net.up()
        # Each kill asks only for these: all that were acknowledged are held to it at the end.
        between = clients.unknown_and_there()
        if kills >= 4 and between:
            break
    clients.stop()
    assert between, f"no kill of {kills} fell between commit and reply"
    assert len(clients.ended("ok")) > 160
    clients.check()
    clients.all_end()


@pytest.mark.root
def test_a_full_disk_loses_nothing_and_says_so(net: TestMesh, tmp_path: Path):
    with small_disk(net.procs.home, 330 * MIB) as disk:
        net.up()
        net.worker("a")
        clients = Clients(net, tmp_path, 3)
        clients.start()
        clients.more("ok", 30)
        # Below the floor: new work is refused, what is there goes on.
        filler = fill(disk, leave=100 * MIB)
        clients.more("definite", 10)
        clients.check()
        clients.all_end()
        filler.unlink()
        refused = len(clients.ended("ok"))
        clients.more("ok", refused + 30)
        # Filled under it within the half second in which it does not look: commits fail.
        filler = fill(disk)
        clients.more("definite", len(clients.ended("definite")) + 5)
        filler.unlink()
        clients.stop()
        if net.registry.popen.poll() is not None:
            assert "disk" in net.registry.output.lower(), net.registry.output
            net.registry.wait()
            net.up()
        clients.check()
        clients.start(1)
        clients.more("ok", len(clients.ended("ok")) + 10)
        clients.stop()
        clients.check()
        clients.all_end()
        net.procs.close()


@pytest.mark.root
def test_commands_that_need_no_disk_work_on_a_full_one(net: TestMesh):
    """Nothing is free where profile and registry lie; a start then is a sentence, too."""
    with small_disk(net.procs.home, 330 * MIB) as disk:
        net.up()
        net.worker("a")
        net.cli("agents")  # so that the clients' own file is there, and nobody has it open
        filler = fill(disk)
        assert [one["agent_id"] for one in net.cli("agents")["agents"]] == ["a"]
        assert net.cli("status")["status"]["trouble"] == "disk_full"
        for words in (("tasks",), ("keys",), ("config",), ("completion", "bash")):
            done = net.procs.run(*words)
            assert done.returncode == 0, done.stderr
        net.registry.wait_for("disk is nearly full")
        net.registry.stop()
        again = net.procs.start("up", "--port", str(net.port))
        again.wait_for(r"registry +http|Free some space")  # there may be room in its own files
        assert "broke" not in again.output
        again.stop()
        filler.unlink()
        net.up()
        net.procs.close()
