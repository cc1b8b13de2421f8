"""Several owners on machines of their own, each a home and processes: typed from begin to end."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from chatixia.assembly.profile.profile import Profile
from tests.acceptance.harness import ONLINE, WORKER, TestMesh
from tests.lab.procs import CHATIXIA, Process


def typed(net: TestMesh, home: Path, *words: str) -> Any:
    """A command at the machine of that home; its JSON."""
    done = net.procs.run(*words, "--json", CHATIXIA_HOME=str(home))
    assert done.returncode == 0, (words, done)
    return json.loads(done.stdout)


def refused(net: TestMesh, home: Path, *words: str) -> str:
    """The one sentence with which a command is refused."""
    done = net.procs.run(*words, CHATIXIA_HOME=str(home))
    assert done.returncode == 4, (words, done)
    return done.stderr


def joined(net: TestMesh, by: Path, name: str, home: Path) -> Path:
    """The home of a machine that the owner at ``by`` let in."""
    string = typed(net, by, "invite", name, "--no-wait")["join"]
    done = net.procs.run("join", string, CHATIXIA_HOME=str(home))
    assert done.returncode == 0, done
    return home


def worker(net: TestMesh, name: str, home: Path) -> Process:
    program = (sys.executable, str(WORKER))
    started = net.procs.start(name, program=program, CHATIXIA_HOME=str(home))
    started.wait_for(ONLINE)
    return started


def test_two_owners_one_revoked_by_the_other(net: TestMesh, tmp_path: Path):
    net.up()
    first = net.procs.home
    desk = joined(net, first, "desk", tmp_path / "desk")
    key = typed(net, desk, "owners", "ask")["key"]
    assert typed(net, first, "owners", "add", "anna", key)["owner"] == "admin~anna"
    assert typed(net, desk, "owners", "accept")["owner"] == "admin~anna"
    pi = joined(net, desk, "pi", tmp_path / "pi")
    cam = joined(net, desk, "cam", tmp_path / "cam")
    own, hers, retained = worker(net, "a", first), worker(net, "b", pi), worker(net, "c", cam)
    assert net.cli("call", "b/echo", "data=hello") and net.cli("call", "c/echo", "data=hello")
    assert "does not stand above" in refused(net, desk, "owners", "revoke", "admin")
    assert typed(net, first, "owners", "revoke", "anna", "--keep", "cam")["retained"] == 1
    assert hers.wait(20) == 4 and "revoked" in hers.output
    assert net.cli("call", "c/echo", "data=hello"), "cam was retained"
    assert "revoked" in refused(net, desk, "invite", "eve", "--no-wait")
    net.registry.stop()
    net.up()
    assert "revoked" in refused_worker(net, "b", pi)
    assert own.open and retained.open


def refused_worker(net: TestMesh, name: str, home: Path) -> str:
    """What a worker says that may not come in again."""
    program = (sys.executable, str(WORKER))
    started = net.procs.start(name, program=program, CHATIXIA_HOME=str(home))
    assert started.wait(30) == 4, started.output
    return started.output


def test_an_owner_lost_is_recovered_by_the_code(net: TestMesh, tmp_path: Path):
    net.up()
    first = net.procs.home
    pi = joined(net, first, "pi", tmp_path / "pi")
    there = worker(net, "b", pi)
    home_worker = worker(net, "a", first)
    code = typed(net, first, "owners", "recovery")["code"]
    folder = Profile.open(home=first).folder
    stolen = shutil.move(folder / "owner", tmp_path / "stolen")
    secret = tmp_path / "code"
    secret.write_text(code + "\n")
    done = net.procs.run(
        "-c",
        f"{shlex.join(CHATIXIA)} owners recover --revoke --json < {secret}",
        program=("sh",),
        CHATIXIA_HOME=str(pi),
    )
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["owner"] == "admin.2"
    cam = joined(net, pi, "cam", tmp_path / "cam")
    worker(net, "c", cam)
    assert net.cli("call", "c/echo", "data=hello") and net.cli("call", "b/echo", "data=hello")
    shutil.move(stolen, folder / "owner")
    assert "revoked" in refused(net, first, "invite", "eve", "--no-wait")
    assert there.open and home_worker.open, "whom the lost key let in stays"


def test_a_restored_backup_of_the_registry_brings_nobody_back(net: TestMesh, tmp_path: Path):
    net.up()
    first = net.procs.home
    pi = joined(net, first, "pi", tmp_path / "pi")
    b = worker(net, "b", pi)
    folder = Profile.open(home=first).folder / "registry"
    net.registry.stop()
    shutil.copytree(folder, tmp_path / "backup")
    net.up()
    typed(net, first, "revoke", "pi")
    assert b.wait(20) == 4
    net.registry.stop()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    net.up()
    typed(net, first, "registry", "confirm")  # as `up` does by itself, within a minute
    assert "revoked" in refused_worker(net, "b", pi)
