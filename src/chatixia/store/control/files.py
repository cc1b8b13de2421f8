"""Whether the open database is still the one in the folder.

A file that was deleted or replaced stays open and takes every write, and all of it is gone at the
next start; so it is looked for before anything is acknowledged.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from chatixia.world import World

LOOK_EVERY: Final = 0.5
CURE: Final = (
    " while the registry runs: stop the registry, put the right files back, and start it again"
    " with `chatixia up`."
)


class DatabaseFiles:
    """The database and its write-ahead file as they were when they were opened.

    Only folding back writes to the database itself, so it is ``folding`` that may change it.
    """

    def __init__(self, path: Path, wal: Path, world: World) -> None:
        self._path, self._wal, self._world = path, wal, world
        self._lock = threading.Lock()
        self._opened = os.stat(path)
        self._log = os.stat(wal)
        self._looked_at = -LOOK_EVERY - 1.0
        self._fault = ""

    def fault(self) -> str:
        """What is wrong, as a sentence with its cure, or ""; looked at twice a second at most."""
        now = self._world.monotonic()
        if abs(now - self._looked_at) > LOOK_EVERY:
            self._looked_at = now
            return self.look()
        return self._fault

    def look(self) -> str:
        """As :meth:`fault`, now; from any thread."""
        if self._lock.acquire(blocking=False):
            try:
                self._fault = self._look()
            finally:
                self._lock.release()
        return self._fault

    def _look(self) -> str:
        """Cheap enough for every group: a stat of each file."""
        try:
            data, log = os.stat(self._path), os.stat(self._wal)
        except FileNotFoundError as error:
            return f"{error.filename} was deleted{CURE}"
        for path, now, opened in (self._path, data, self._opened), (self._wal, log, self._log):
            if (now.st_dev, now.st_ino) != (opened.st_dev, opened.st_ino):
                return f"{path} was replaced by another file{CURE}"
        if (data.st_size, data.st_mtime_ns) != (self._opened.st_size, self._opened.st_mtime_ns):
            return f"{self._path} was written by another program{CURE}"
        return ""

    @contextmanager
    def folding(self) -> Iterator[None]:
        """While this process itself writes to the database's file."""
        with self._lock:
            try:
                yield
            finally:
                with suppress(OSError):  # gone: the next look says so
                    data = os.stat(self._path)
                    if (data.st_dev, data.st_ino) == (self._opened.st_dev, self._opened.st_ino):
                        self._opened = data
