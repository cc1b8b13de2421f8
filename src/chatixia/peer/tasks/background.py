"""What a worker has running beside: kept, so that a stop can cancel and await it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any

from chatixia.peer.sessions.channel import Timers
from chatixia.world import EAGER


class BackgroundTasks:
    """The background tasks of one owner, on the running loop."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._context = copy_context()
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run beside, until :meth:`stop`."""
        self._keep(asyncio.ensure_future(work))

    def eager(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run now up to the first wait, then beside; in a copy of the context of the owner."""
        task = asyncio.Task(
            work, loop=asyncio.get_running_loop(), context=self._context.copy(), **EAGER
        )
        self._keep(task)
        return task

    def _keep(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def sleep(self, seconds: float) -> None:
        """Wait on the timers' clock."""
        waiter = asyncio.get_running_loop().create_future()
        timer = self._timers.later(
            seconds, lambda: None if waiter.done() else waiter.set_result(None)
        )
        try:
            await waiter
        finally:
            timer.cancel()

    async def stop(self) -> None:
        """Cancel all and wait for their end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
