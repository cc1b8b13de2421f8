"""Turns at the socket reader: how much of one holder is read before the others are looked at.

What one read of a socket brought is handled without a pause, so a holder (core.shares) with many
sockets and many requests in each would have the loop for as long as that takes.
"""

from __future__ import annotations

import asyncio
from typing import Final

from chatixia.core.shares import FairQueue

FRAMES_PER_TURN: Final = 16
"""Frames of one holder that are read in one turn of the loop."""


class ReadTurns:
    """Lets each holder read ``FRAMES_PER_TURN`` frames in a turn of the loop; the rest waits.

    A message that holds more frames than were left is a debt of the turns that follow.
    """

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._armed = False

    def take_now(self, holder: str) -> bool:
        """Whether ``holder`` may read a message without a wait; it counts then."""
        left = self._left.get(holder, FRAMES_PER_TURN)
        if left <= 0 or self._waiting.of(holder):
            return False
        self._left[holder] = left - 1
        self._arm()
        return True

    async def take(self, holder: str) -> None:
        """Return when ``holder`` may read a message; its sockets in the order in which they ask."""
        if self.take_now(holder):
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(holder, turn)
        await turn

    def spent(self, holder: str, frames: int) -> None:
        """A message of ``holder`` held so many frames beside its first."""
        if frames > 0:
            self._left[holder] = self._left.get(holder, FRAMES_PER_TURN) - frames
            self._arm()

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """A turn of the loop is over."""
        self._armed = False
        balance = {
            holder: left + FRAMES_PER_TURN for holder, left in self._left.items() if left < 0
        }
        self._left = balance
        for holder in self._waiting.holders():
            left = balance.get(holder, FRAMES_PER_TURN)
            while left > 0 and self._waiting.of(holder):
                turn = self._waiting.pop(holder)
                if not turn.done():  # its socket has ended
                    turn.set_result(None)
                    left -= 1
            balance[holder] = left
        if balance:
            self._arm()
