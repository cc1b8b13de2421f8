"""An append-only history of one process: what was written stays, whenever the process dies."""

from __future__ import annotations

import os

import msgspec

from tests.lab.history import Event


class Journal:
    """Events in a file, one line each, in one write."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, event: Event) -> None:
        """Write an event down before anything else happens."""
        os.write(self._file, msgspec.json.encode(event) + b"\n")
