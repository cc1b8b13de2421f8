"""Store time, and the room that is left: both judged by the store, never by a caller."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import msgspec

from chatixia.world import World

MIB: Final = 1024 * 1024
FLOOR_BYTES: Final = 256 * MIB
FLOOR_SHARE: Final = 0.05
LOOK_EVERY: Final = 0.5


class StoreClock:
    """Seconds that never step back, also over restarts and whatever the wall clock does.

    ``max(wall, mark)`` at open plus monotonic time since; ``mark`` is the highest time that any
    group has saved (tasks.md section 5).
    """

    __slots__ = ("_base", "_start", "_world")

    def __init__(self, world: World, mark: float) -> None:
        self._world = world
        self._base = max(world.wall(), mark)
        self._start = world.monotonic()

    def now(self) -> float:
        """Store time in seconds."""
        return self._base + self._world.monotonic() - self._start


class DiskFloor(msgspec.Struct, frozen=True):
    """Free room below which new work is refused: the larger of ``bytes`` and ``share``."""

    bytes: int = FLOOR_BYTES
    share: float = FLOOR_SHARE


class DiskRoom:
    """Free room on one file system, looked at no more than twice a second."""

    def __init__(self, folder: Path, world: World, floor: DiskFloor) -> None:
        self._folder, self._world, self.floor = folder, world, floor
        self._looked_at = -LOOK_EVERY - 1.0
        self._low = False

    def free(self) -> int:
        """Bytes that this process may still use."""
        return shutil.disk_usage(self._folder).free

    def low(self) -> bool:
        """Whether new work must be refused."""
        now = self._world.monotonic()
        if abs(now - self._looked_at) > LOOK_EVERY:
            self._looked_at = now
            self._low = self.free() < self._reserve()
        return self._low

    def sentence(self) -> str:
        """How little is left, and what that means."""
        free, rest = self.free() // MIB, self._reserve() // MIB
        return (
            f"The registry's disk is nearly full: {free} MiB are free and {rest} MiB are kept free,"
            " so new work is refused until there is more room."
        )

    def _reserve(self) -> int:
        total = shutil.disk_usage(self._folder).total
        return max(self.floor.bytes, int(self.floor.share * total))


def sync_folder(folder: Path) -> None:
    """Make new names in ``folder`` survive a power cut (POSIX; elsewhere nothing is needed)."""
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
