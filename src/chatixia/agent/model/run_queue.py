"""Which run comes next: at most so many at once, those of one conversation one after the other.

What waits is bounded, holders (``core.shares``) take turns, and none that waits is lost.
"""

from __future__ import annotations

from asyncio import Future, get_running_loop, wait
from collections import deque
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from typing import Final

from chatixia.core.shares import RETRY_AFTER, FairQueue, Shares
from chatixia.errors import Overloaded

MAX_WAITING: Final = 1024


class RunTurn:
    """One run's place. ``granted``: done when it may run."""

    def __init__(self, conversation: Hashable, holder: str, is_named: bool) -> None:
        self.conversation, self.holder, self.is_named = conversation, holder, is_named
        self.line = f"={holder}" if is_named else holder
        self.granted: Future[None] = get_running_loop().create_future()

    async def wait(self, seconds: float) -> bool:
        """Whether it may run; waits that long at most."""
        await wait([self.granted], timeout=seconds)
        return self.granted.done()


class RunQueue:
    """``slots`` runs at once; ``waiting`` more may wait for one.

    A run may take as long as its asker lets it, so whom the agent's owner does not name never has
    all slots: a holder has its share (``core.shares``) of them. Who is named may have all.
    """

    def __init__(self, slots: int, waiting: int = MAX_WAITING) -> None:
        self._slots = slots
        self._room = Shares(slots + waiting)
        self._taken = Shares(slots)
        self._ready: FairQueue[RunTurn] = FairQueue()
        self._lines: dict[Hashable, deque[RunTurn]] = {}
        """Behind each conversation that runs or is ready: the requests of it that wait."""
        self.running = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._room.used - self.running

    @asynccontextmanager
    async def turn(
        self, conversation: Hashable, holder: str, *, nested: bool = False, is_named: bool = False
    ) -> AsyncGenerator[RunTurn, None]:
        """A place behind all that came before; inside, wait until it is granted.

        ``nested``: a run of this agent waits for this one, so it must not wait for a slot in turn.
        ``is_named``: the owner named all who ask. Raises Overloaded where no more may wait.
        """
        turn = RunTurn(conversation, holder, is_named)
        if nested and not self._free(turn):
            raise Overloaded("A run of this agent waits for the answer, and no other can begin.")
        if not self._room.take(holder):
            raise Overloaded("Too many requests wait for the model.", retry_after=RETRY_AFTER)
        self._enter(turn)
        try:
            yield turn
        finally:
            self._leave(turn)

    def _free(self, turn: RunTurn) -> bool:
        free = self.running < self._slots and turn.conversation not in self._lines
        return free and self._may_run(turn)

    def _may_run(self, turn: RunTurn) -> bool:
        return turn.is_named or self._taken.fits(turn.line)

    def _enter(self, turn: RunTurn) -> None:
        if turn.conversation in self._lines:
            self._lines[turn.conversation].append(turn)
            return
        self._lines[turn.conversation] = deque()
        self._ready.append(turn.line, turn)
        self._grant()

    def _grant(self) -> None:
        while self.running < self._slots and (turn := self._next()) is not None:
            if turn.granted.cancelled():
                continue
            self.running += 1
            self._taken.add(turn.line)
            turn.granted.set_result(None)

    def _next(self) -> RunTurn | None:
        """The first of the holder whose turn it is, of those that may have one more slot."""
        for line in self._ready.holders():
            if self._may_run(self._ready.first(line)):
                return self._ready.serve(line)
        return None

    def _leave(self, turn: RunTurn) -> None:
        self._room.add(turn.holder, -1)
        line = self._lines[turn.conversation]
        if turn in line:
            line.remove(turn)
            return
        if turn.granted.done():
            self.running -= 1
            self._taken.add(turn.line, -1)
        else:
            turn.granted.cancel()
        if line:
            following = line.popleft()
            self._ready.append(following.line, following)
        else:
            del self._lines[turn.conversation]
        self._grant()
