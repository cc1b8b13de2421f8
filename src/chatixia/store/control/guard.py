"""The data directory belongs to one registry: a lock for the process's life, on a local disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from chatixia.errors import AlreadyRunning, ConfigError
from chatixia.world import process_id

NETWORK: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "afs",
        "afpfs",
        "ceph",
        "glusterfs",
        "fuse.glusterfs",
        "lustre",
        "gfs2",
        "ocfs2",
        "fuse.sshfs",
        "fuse.rclone",
        "fuse.s3fs",
        "ncpfs",
        "davfs",
        "fuse.davfs2",
        "beegfs",
        "gpfs",
        "orangefs",
        "moosefs",
    }
)
"""File systems whose locks and syncs do not hold what SQLite needs."""


class RegistryLock:
    """``flock`` on ``<folder>/registry.lock``; the file names the process that holds it."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises AlreadyRunning, naming the holder's pid, and ConfigError."""
        refuse_network(folder)
        self._fd = os.open(folder / "registry.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(self._fd)
        except OSError:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise AlreadyRunning(_running(folder, holder)) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{process_id()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next registry in. The file stays: removing it would let two in at once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _running(folder: Path, holder: str) -> str:
    return f"A registry (pid {holder or '?'}) already runs on {folder}; stop it first."


def _take(fd: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def prepare(folder: Path) -> None:
    """Make the data directory, readable by its user only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name == "posix" and folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def refuse_network(folder: Path) -> None:
    """Raise ConfigError if ``folder`` is on a network file system (as far as one can tell)."""
    kind = filesystem(folder)
    if kind in NETWORK:
        raise ConfigError(
            f"{folder} is on a network file system ({kind}), which cannot hold the registry's"
            " database safely; choose a local folder with CHATIXIA_HOME."
        )


def filesystem(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The type of the file system under ``folder``, or "" where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    real, best, kind = folder.resolve(), -1, ""
    for line in lines:
        left, _, right = line.partition(" - ")
        point = Path(left.split()[4].replace("\\040", " "))
        # A later line covers an earlier one at the same point.
        if len(point.parts) >= best and real.is_relative_to(point):
            best, kind = len(point.parts), right.split()[0]
    return kind
