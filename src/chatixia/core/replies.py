"""What a peer makes us say at once, and does not take: refusals, complaints, pongs.

Such a reply costs its sender a few bytes and no credit, so its number is bounded here.
"""

from __future__ import annotations

from typing import Final

from chatixia.errors import BadRequest
from chatixia.wire.base import MIB

REPLY_BYTES: Final = MIB


class ReplyBudget:
    """Bytes of the replies to one peer that wait to be sent. They go ahead of all else."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting = 0

    def add(self, size: int) -> None:
        """One more waits. BadRequest, and the path must close, once it takes none of so many."""
        self.waiting += size
        if self.waiting > REPLY_BYTES:
            self.waiting = 0
            raise BadRequest("The peer does not take the replies to what it sends.")

    def sent(self, size: int) -> None:
        """A frame of that size went."""
        self.waiting = max(0, self.waiting - size)
