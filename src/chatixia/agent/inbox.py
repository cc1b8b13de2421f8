"""Messages that came for an agent: the last ones, for its own code and its own file.

What `mesh_send` and `mesh_broadcast` bring lands here where no prompt handler takes it. The log
names the sender of each, never its text.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

MAX_MESSAGES: Final = 256
MAX_FILE: Final = 4 * 1024 * 1024

log = logging.getLogger("chatixia.agent")


class InboxMessage(msgspec.Struct, frozen=True):
    """A message to this agent. ``at``: seconds since the epoch by this machine's clock."""

    caller: str
    text: str
    via: str
    at: float
    broadcast: bool = False


class Inbox:
    """The last messages, oldest first; also a line each in ``file``, where one is named.

    The file (0600) starts anew at :data:`MAX_FILE` bytes, keeping the one before as ``.1``.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._messages: deque[InboxMessage] = deque(maxlen=MAX_MESSAGES)
        self.file = file

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[InboxMessage]:
        return iter(list(self._messages))

    def add(self, message: InboxMessage) -> None:
        """Keep a message. A file that cannot be written is a warning, not an error."""
        self._messages.append(message)
        log.info("a message from %s (%d characters)", message.caller, len(message.text))
        if self.file is not None:
            try:
                self._write(self.file, msgspec.json.encode(message) + b"\n")
            except OSError as error:
                log.warning("the inbox %s cannot be written: %s", self.file, error.strerror)

    def _write(self, file: Path, line: bytes) -> None:
        import os

        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with os.fdopen(os.open(file, flags, 0o600), "ab") as target:
            if target.tell() + len(line) <= MAX_FILE:
                target.write(line)
                return
        os.replace(file, file.with_name(file.name + ".1"))
        with os.fdopen(os.open(file, flags, 0o600), "ab") as target:
            target.write(line)
