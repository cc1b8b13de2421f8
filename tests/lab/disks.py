"""Small disks that can be full: a tmpfs of its own, for tests of storage faults. Needs root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.lab.netns import sh


@contextmanager
def small_disk(at: Path, size: int) -> Iterator[Path]:
    """Mount a disk of `size` bytes at a folder, made if need be; unmounted at the end."""
    at.mkdir(parents=True, exist_ok=True)
    sh("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(at))
    try:
        yield at
    finally:
        sh("umount", "--lazy", str(at))


def fill(disk: Path, leave: int = 0) -> Path:
    """Fill a disk until only `leave` bytes are free; removing the file given back heals it."""
    file = disk / "filler"
    state = os.statvfs(disk)
    with file.open("wb") as out:
        out.truncate(0)
        free = state.f_bavail * state.f_frsize - leave
        with suppress(OSError):  # another took room meanwhile: what is left goes in pieces
            os.posix_fallocate(out.fileno(), 0, max(free, 1))
            return file
        with suppress(OSError):
            while os.statvfs(disk).f_bavail * state.f_frsize > leave:
                out.write(bytes(state.f_frsize))
                out.flush()
    return file
