"""The write-ahead file: when it is folded back into the database (tasks.md section 5)."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

log = logging.getLogger("chatixia.store")

CHECKPOINT_ITEMS: Final = 2000
CHECKPOINT_BYTES: Final = 16 * 1024 * 1024
"""What items carried since the last time: a few large ones fill the file as many small ones do."""
TRUNCATE_BYTES: Final = 64 * 1024 * 1024


class Wal:
    """Of one database, and of the only connection that may fold it back. Used between groups."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self.path = path.with_name(path.name + "-wal")
        self._items = self._bytes = 0
        self._put_off = False

    def grew(self, items: int, size: int) -> None:
        """A group of ``items`` that carried ``size`` bytes is in the file."""
        self._items += items
        self._bytes += size

    def due(self) -> bool:
        """Whether it holds enough to be folded back."""
        return self._items >= CHECKPOINT_ITEMS or self._bytes >= CHECKPOINT_BYTES

    def fold(self) -> None:
        """Fold it back, and shorten the file if it is large.

        Raises sqlite3.Error; then the next group tries again, since the file only grows until one
        succeeds.
        """
        large = self.path.exists() and self.path.stat().st_size > TRUNCATE_BYTES
        self._fold("TRUNCATE" if large else "PASSIVE")

    def close(self) -> None:
        """Fold all of it back at the end. Raises sqlite3.Error; the next start reads it then."""
        self._fold("TRUNCATE")

    def _fold(self, how: str) -> None:
        try:
            self._db.execute(f"PRAGMA wal_checkpoint({how})")
        except sqlite3.Error as error:
            if not self._put_off:
                log.warning("the checkpoint of %s was put off: %s", self.path.name, error)
            self._put_off = True
            raise
        self._items = self._bytes = 0
        self._put_off = False
