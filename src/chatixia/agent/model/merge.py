"""One stream of a run: what the model says, what its tools tell, and signs of life between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from math import inf
from typing import Final

import msgspec

from chatixia.errors import Cancelled, DeadlineExceeded
from chatixia.wire.events import AgentEvent

Piece = str | AgentEvent
ROOM: Final = 64


class _End(msgspec.Struct):
    error: BaseException | None = None


class RunStream:
    """``idle``: seconds after which ``beat`` is asked for a sign of life, None for none. ``left``:
    seconds until the run has had its time; then ``late`` is raised."""

    def __init__(
        self,
        idle: float,
        beat: Callable[[], Piece | None],
        left: Callable[[], float] = lambda: inf,
        late: Callable[[], BaseException] = DeadlineExceeded,
    ) -> None:
        self._queue: asyncio.Queue[Piece | _End] = asyncio.Queue(ROOM)
        self._idle, self._beat, self._left, self._late = idle, beat, left, late
        self._closed = False

    async def emit(self, event: AgentEvent) -> None:
        """Tell something beside the answer; waits while its reader is behind."""
        await self._queue.put(event)

    async def pieces(self, run: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        """What ``run`` gives and :meth:`emit` tells, in order. Closing this closes ``run``."""
        pump = asyncio.ensure_future(self._pump(run))
        try:
            while not isinstance(piece := await self._next(), _End):
                if piece is not None:
                    yield piece
            if piece.error is not None:
                raise piece.error
        finally:
            self._closed = True
            pump.cancel()
            await asyncio.wait([pump])

    async def _next(self) -> Piece | _End | None:
        if (left := self._left()) <= 0:
            raise self._late()
        if not self._queue.empty():
            return self._queue.get_nowait()
        try:
            async with asyncio.timeout(min(self._idle, left)):
                return await self._queue.get()
        except TimeoutError:
            return self._beat() if left > self._idle else None

    async def _pump(self, run: AsyncGenerator[Piece, None]) -> None:
        end = _End(Cancelled("The model's run was canceled."))
        try:
            async with aclosing(run):
                async for piece in run:
                    await self._queue.put(piece)
            end.error = None
        except Exception as error:  # noqa: BLE001 - raised where the pieces are read
            end.error = error
        finally:
            if not self._closed:  # else nobody makes room in the queue any more
                await self._queue.put(end)
