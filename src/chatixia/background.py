"""Tasks that run beside: kept, so that a stop can await and cancel them; and waits likewise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from chatixia.world import EAGER


class BackgroundTasks:
    """The background tasks of one owner, on the running loop.

    ``on_failed(error)``: called with what one of them raised; without it that is not looked at.
    """

    def __init__(self, on_failed: Callable[[BaseException], None] | None = None) -> None:
        self._on_failed = on_failed
        self._context = copy_context()
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run beside, until :meth:`stop`."""
        task = asyncio.get_running_loop().create_task(work)
        self.keep(task)
        return task

    def eager(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run now up to the first wait, then beside; in a copy of the context of the owner."""
        task = asyncio.Task(
            work, loop=asyncio.get_running_loop(), context=self._context.copy(), **EAGER
        )
        self.keep(task)
        return task

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Own a task that somebody else began."""
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if self._on_failed is None or task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._on_failed(error)

    def cancel(self) -> None:
        """Cancel all; :meth:`wait` until they have ended."""
        for task in list(self._tasks):
            task.cancel()

    async def wait(self) -> None:
        """Until all of them have ended, however."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self, patience: float = 0.0) -> None:
        """Give them ``patience`` seconds to end, cancel those that have not, and await them."""
        if patience and self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        self.cancel()
        await self.wait()


class Pauses:
    """Waits that :meth:`end` ends all at once, on the clock of ``later`` (the loop's by default):
    it calls back after so many seconds, and its timer can be cancelled."""

    def __init__(self, later: Callable[[float, Callable[[], Any]], Any] | None = None) -> None:
        self._later = later
        self._waiters: set[asyncio.Future[Any]] = set()

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until :meth:`end`."""
        await self.until(asyncio.get_running_loop().create_future(), seconds)

    async def until(self, waiter: asyncio.Future[Any], seconds: float) -> None:
        """Wait until ``waiter`` is done; it is cancelled after ``seconds``, and by :meth:`end`."""
        later = self._later or asyncio.get_running_loop().call_later
        timer = later(max(seconds, 0.0), waiter.cancel)
        self._waiters.add(waiter)
        try:
            await asyncio.wait((waiter,))
        finally:
            timer.cancel()
            self._waiters.discard(waiter)
            waiter.cancel()

    def end(self) -> None:
        """End each of them now."""
        for waiter in self._waiters:
            waiter.cancel()


def ends(error: BaseException, task: asyncio.Task[Any] | None) -> bool:
    """Whether ``error`` ends ``task`` itself (it is being cancelled, its coroutine closed, or the
    loop left), and nothing that the handler which it runs has raised."""
    if isinstance(error, asyncio.CancelledError):
        return task is None or task.cancelling() > 0
    if isinstance(error, GeneratorExit):
        return task is None or not _runs(task)
    return isinstance(error, KeyboardInterrupt | SystemExit)


def _runs(task: asyncio.Task[Any]) -> bool:
    """Whether ``task`` is at work now: a coroutine that is closed is at work in none."""
    try:
        return asyncio.current_task() is task
    except RuntimeError:  # no loop runs any more
        return False
