"""Locks between processes: who holds, what a crash leaves, waiting with an end."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatixia.assembly.profile import lock as module
from chatixia.assembly.profile.lock import ProfileLock, attempt, changing, hold, holder, is_locked
from chatixia.errors import AlreadyRunning, ConfigError, Unavailable

HOLD = """
import sys
from pathlib import Path
from chatixia.assembly.profile.lock import hold
lock = hold(Path(sys.argv[1]), "weather")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait(20)
    process.stdin.close()
    process.stdout.close()


def test_a_second_start_names_the_first_ones_pid(other: subprocess.Popen[bytes], tmp_path: Path):
    with pytest.raises(AlreadyRunning, match=f"weather is already running as process {other.pid}"):
        hold(tmp_path / "lock", "weather")
    assert is_locked(tmp_path / "lock")
    assert holder(tmp_path / "lock") == other.pid


def test_a_kill_releases(other: subprocess.Popen[bytes], tmp_path: Path):
    other.send_signal(signal.SIGKILL)
    other.wait(20)
    lock = hold(tmp_path / "lock", "weather")
    assert holder(tmp_path / "lock") == os.getpid()
    lock.release()


def test_held_in_this_process_too(tmp_path: Path):
    lock = hold(tmp_path / "lock", "weather")
    with pytest.raises(AlreadyRunning, match=rf"in this process \({os.getpid()}\); stop it\."):
        hold(tmp_path / "lock", "weather", "; stop it")
    lock.release()
    lock.release()
    assert not is_locked(tmp_path / "lock")
    hold(tmp_path / "lock", "weather").release()


def test_looking_changes_nothing(tmp_path: Path):
    assert not is_locked(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()
    assert holder(tmp_path / "lock") is None
    hold(tmp_path / "lock", "weather").release()
    before = (tmp_path / "lock").read_bytes()
    assert not is_locked(tmp_path / "lock")
    assert (tmp_path / "lock").read_bytes() == before
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


def test_a_change_waits_for_the_one_before(tmp_path: Path):
    first = attempt(tmp_path / "lock")
    assert first
    done: list[str] = []
    started = threading.Event()

    def second() -> None:
        started.set()
        with changing(tmp_path / "lock"):
            done.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    started.wait(10)
    done.append("first")
    first.release()
    thread.join(20)
    assert done == ["first", "second"]


def test_a_change_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CHANGE_WAIT", 0.05)
    lock = hold(tmp_path / "lock", "other")
    with pytest.raises(Unavailable, match=str(os.getpid())):
        with changing(tmp_path / "lock"):
            pytest.fail("the lock is held")
    lock.release()


def test_a_change_that_raises_lets_go(tmp_path: Path):
    with pytest.raises(ZeroDivisionError):
        with changing(tmp_path / "lock"):
            _ = 1 / 0
    assert not is_locked(tmp_path / "lock")


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        attempt(tmp_path / "file" / "lock")


def test_nobody_loses_a_change(tmp_path: Path):
    """Many threads add to one file; the lock alone keeps their additions."""
    counter = tmp_path / "counter"
    counter.write_text("0")

    def add() -> None:
        for _ in range(10):
            with changing(tmp_path / "lock"):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counter.read_text() == "40"


def test_an_unheld_lock_is_no_lock():
    ProfileLock(-1).release()


HEIR = """
import os, subprocess, sys, time
from pathlib import Path
from chatixia.assembly.profile.lock import hold
lock = hold(Path(sys.argv[1]), "weather")
if sys.argv[2] == "forked":
    heir = os.fork()
    if heir == 0:
        os.close(1)
        time.sleep(120)
        os._exit(0)
else:
    os.set_inheritable(lock._fd, True)
    heir = subprocess.Popen(["sleep", "120"], close_fds=False, stdout=subprocess.DEVNULL).pid
print(heir, flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["forked", "inherited"])
def heir(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int, int]]:
    """A child that outlives the holder, which was killed: how it came, holder and child."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEIR, str(tmp_path / "lock"), request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdin
    child = int(process.stdout.readline())
    process.kill()
    process.wait(20)
    yield request.param, process.pid, child
    os.kill(child, signal.SIGKILL)
    process.stdin.close()
    process.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="names openers by /proc")
def test_a_child_that_outlives_the_holder(heir: tuple[str, int, int], tmp_path: Path):
    """One that was forked has no lock; one that was given it all the same is named."""
    kind, holder_pid, child = heir
    if kind == "forked":
        hold(tmp_path / "lock", "weather").release()
        return
    said = f"held by process {child}, which process {holder_pid} started"
    with pytest.raises(AlreadyRunning, match=said):
        hold(tmp_path / "lock", "weather")
