"""Frames that wait for the login's socket: bounded, and sent as one array per turn of the loop."""

from __future__ import annotations

from collections import deque
from typing import Final

from chatixia.wire.base import MIB

OUTBOX_ITEMS: Final = 4096
OUTBOX_BYTES: Final = 8 * MIB
BATCH_ITEMS: Final = 256
BATCH_BYTES: Final = 64 * 1024
"""An array is closed above this: one more frame still fits the registry's bound."""


class Outbox:
    """Encoded frames in the order in which they were put in."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: bytes) -> bool:
        """Add a frame. False: it is full, and the frame is not in it."""
        if len(self._frames) >= OUTBOX_ITEMS or self._bytes + len(frame) > OUTBOX_BYTES:
            return False
        self._frames.append(frame)
        self._bytes += len(frame)
        return True

    def batch(self) -> bytes:
        """Take the next frames out: one as it is, several as a JSON array, as the registry's come
        to us."""
        parts: list[bytes] = []
        size = 0
        while self._frames and len(parts) < BATCH_ITEMS and size < BATCH_BYTES:
            parts.append(frame := self._frames.popleft())
            size += len(frame)
        self._bytes -= size
        return parts[0] if len(parts) == 1 else b"[%b]" % b",".join(parts)

    def clear(self) -> None:
        """Drop every frame: the login that they were meant for is over."""
        self._frames.clear()
        self._bytes = 0
