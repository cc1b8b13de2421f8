"""A task of another thread's loop, awaited here: cancelled from here, and over when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from chatixia.agent.threads import portable, settle
from chatixia.errors import Unavailable

T = TypeVar("T")
ENDING_S: Final = 5.0
"""Seconds that a cancelled one is waited for."""


class FarTask(Generic[T]):
    """``work`` as a task of ``loop``, in a copy of the context of here.

    Raises Unavailable where that loop is closed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[], Coroutine[Any, Any, T]],
    ) -> None:
        self._here = asyncio.get_running_loop()
        self._loop = loop
        self._work = work
        self._task: asyncio.Task[T] | None = None
        self._is_canceled = False
        self.outcome: asyncio.Future[T] = self._here.create_future()
        """Done when the task is; cancelled when it was."""
        try:
            loop.call_soon_threadsafe(self._start)
        except RuntimeError:
            raise Unavailable("The agent is stopping.") from None

    async def wait(self) -> T:
        """Its result. Cancelling this cancels the task and waits until it has ended."""
        try:
            return await asyncio.shield(self.outcome)
        except asyncio.CancelledError:
            await self.cancel()
            raise

    async def cancel(self) -> None:
        """Cancel the task, and wait until it has ended, whatever it ends with."""
        if not self.outcome.done():
            self._is_canceled = True
            self._loop.call_soon_threadsafe(self._stop)
            await asyncio.wait([self.outcome], timeout=ENDING_S)
        if self.outcome.done() and not self.outcome.cancelled():
            self.outcome.exception()  # nobody else asks, and then it would be logged

    # On the other loop.

    def _start(self) -> None:
        if self._is_canceled:
            self._hand_back(self.outcome.cancel)
            return
        self._task = self._loop.create_task(self._work())
        self._task.add_done_callback(self._finish)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._hand_back(self.outcome.cancel)
            return
        error = task.exception()
        result = None if error is not None else task.result()
        error = None if error is None else portable(error)
        self._hand_back(lambda: settle(self.outcome, result, error))

    def _hand_back(self, step: Callable[[], object]) -> None:
        try:
            self._here.call_soon_threadsafe(step)
        except RuntimeError:
            return  # the loop is closed, so nobody waits
