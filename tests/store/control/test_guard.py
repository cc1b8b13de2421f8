"""One registry per folder, for the process's life; no network file system."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chatixia.errors import AlreadyRunning, ConfigError
from chatixia.store.control import guard

HOLD = """
import sys, pathlib
from chatixia.store.control.guard import RegistryLock
lock = RegistryLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_registry_is_told_the_first_ones_pid(tmp_path: Path):
    held = guard.RegistryLock(tmp_path)
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        guard.RegistryLock(tmp_path)
    held.release()
    held.release()
    guard.RegistryLock(tmp_path).release()


def test_the_lock_ends_with_its_process(tmp_path: Path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    with pytest.raises(AlreadyRunning, match=str(other.pid)):
        guard.RegistryLock(tmp_path)
    other.send_signal(signal.SIGKILL)
    other.communicate(timeout=30)
    guard.RegistryLock(tmp_path).release()


def test_the_folder_is_its_users_own(tmp_path: Path):
    folder = tmp_path / "a" / "b"
    guard.prepare(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    guard.prepare(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


MOUNTS = """22 1 8:1 / / rw - ext4 /dev/vda rw
30 22 0:40 / /mnt/my\\040share rw,relatime - nfs4 server:/x rw
31 22 0:41 / /mnt rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("where", "kind"),
    [("/mnt/my share/home", "nfs4"), ("/mnt/other", "tmpfs"), ("/srv", "ext4")],
)
def test_the_deepest_mount_counts(tmp_path: Path, where: str, kind: str):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert guard.filesystem(Path(where), mounts) == kind


def test_where_the_system_does_not_say_nothing_is_refused(tmp_path: Path):
    assert guard.filesystem(tmp_path, tmp_path / "none") == ""


def test_a_network_file_system_is_refused_with_a_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    guard.refuse_network(tmp_path)
    monkeypatch.setattr(guard, "filesystem", lambda folder: "nfs4")
    with pytest.raises(ConfigError, match=r"nfs4.*CHATIXIA_HOME"):
        guard.RegistryLock(tmp_path)
