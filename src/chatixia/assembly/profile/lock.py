"""Locks that a crash releases: one running agent or registry each, one change of a profile.

A lock is a file of which its holder has an exclusive lock from the system; the file's text names
the holder's pid. The file stays: removing it would let two processes lock two different files of
one name. A child that is forked does not have it: it would outlive a holder that was killed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chatixia.errors import AlreadyRunning, ConfigError, Unavailable
from chatixia.world import REAL, World, keep_private, process_id

CHANGE_WAIT: Final = 15.0
"""Seconds to wait for another process that is changing the profile."""

TRIES: Final = 4


class ProfileLock:
    """A held lock; ``release`` it, or die."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def hold(path: Path, what: str, hint: str = "") -> ProfileLock:
    """The lock at ``path``, held for the process's life by ``what`` (as in "weather").

    ``hint``: how it may have come that this very process holds it, and the cure. Raises
    AlreadyRunning naming the pid of the process that holds it.
    """
    for _ in range(TRIES):
        if lock := attempt(path):
            return lock
        # It may be a process that only looks (is_locked), or one that is just ending.
        threading.Event().wait(0.05)
    raise AlreadyRunning(_holder_text(path, what, hint))


def _holder_text(path: Path, what: str, hint: str) -> str:
    """Which process has it: the one that the file names, if that lives, else who really does."""
    pid = holder(path)
    if pid == process_id():
        return f"{what} is already running in this process ({pid}){hint}."
    if pid and not _lives(pid) and (heirs := _openers(path)):
        many = "processes" if len(heirs) > 1 else "process"
        return (
            f"{what} is held by {many} {', '.join(map(str, heirs))}, which process {pid} started"
            " before it died."
        )
    return f"{what} is already running{f' as process {pid}' if pid else ''}."


def _lives(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # a signal would end it there; a lock is no child's either
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _openers(path: Path) -> list[int]:
    """Other processes that have the file open, where the system shows that (Linux)."""
    pids = set()
    wanted = str(path.resolve())
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == wanted:
                pids.add(int(link.parts[2]))
        except OSError:
            continue
    return sorted(pids - {process_id()})


def holder(path: Path) -> int | None:
    """The pid written in a lock file, None if there is none."""
    try:
        text = path.read_bytes()[1:32]
    except OSError:
        return None
    return int(text) if text.strip().isdigit() else None


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock now; takes nothing that it keeps."""
    if not path.exists():
        return False
    fd = os.open(path, os.O_RDWR)
    try:
        return not _take(fd)
    finally:
        os.close(fd)


@contextmanager
def changing(path: Path, world: World = REAL) -> Iterator[None]:
    """Hold the lock at ``path`` for a short change, waiting for others that do.

    Raises Unavailable after :data:`CHANGE_WAIT` seconds.
    """
    give_up, pause = world.monotonic() + CHANGE_WAIT, threading.Event()
    while (lock := attempt(path)) is None:
        if world.monotonic() > give_up:
            raise Unavailable(f"Process {holder(path)} has held {path} for too long.")
        pause.wait(0.01 + 0.02 * world.jitter())
    try:
        yield
    finally:
        lock.release()


def attempt(path: Path) -> ProfileLock | None:
    """The lock if nobody has it. Raises ConfigError where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
    if not _take(fd):
        os.close(fd)
        return None
    try:
        # Byte 0 is what Windows locks; no reader may touch it, so the pid starts after it.
        os.ftruncate(fd, 0)
        os.write(fd, b" %d\n" % process_id())
    except OSError as error:
        os.close(fd)
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
    keep_private(fd)
    return ProfileLock(fd)


if sys.platform == "win32":
    import msvcrt

    def _take(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
