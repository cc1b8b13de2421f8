"""Where skills that are plain functions run: a bounded pool of threads beside the loop.

Own threads instead of an executor's: they are daemons, so that a skill that blocks forever cannot
keep a stopped process alive, and what waits for a free one is bounded.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final

from chatixia.core.shares import RETRY_AFTER, FairQueue, Shares
from chatixia.errors import Overloaded, Unavailable

MAX_THREADS: Final = 32
"""Of one agent, however few cores: most wait, and one that waits for another agent's answer must
not keep the next from running."""
MAX_WAITING: Final = 1024

Work = tuple[
    AbstractEventLoop,
    "Future[Any]",
    str,
    Context,
    Callable[..., Any],
    tuple[Any, ...],
    dict[str, Any],
]
"""Where the result goes, whose share it is, in which context it runs, and what."""


class Threads:
    """At most ``size`` threads, started when needed; at most ``waiting`` calls wait for one, their
    holders (``core.shares``) in turn, and one holder alone has at most three quarters."""

    def __init__(self, size: int = MAX_THREADS, waiting: int = MAX_WAITING) -> None:
        self._size = size
        self._bound = self._size + waiting
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        """One True for each item of ``_work``; False ends a thread."""
        self._work: FairQueue[Work] = FairQueue()
        self._open = Shares(self._bound)
        self._started = 0
        self._lock = Lock()
        self._closed = False

    async def run(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """:meth:`run_for` the agent itself, for which only the bound of all counts."""
        return await self.run_for("", fn, *args, **kwargs)

    async def run_for(self, holder: str, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """``fn``'s result, from a thread, with the caller's context variables.

        Cancelling stops the waiting, not the thread. Raises Overloaded beyond the bound, or beyond
        the share of ``holder``.
        """
        loop = get_running_loop()
        future: Future[Any] = loop.create_future()
        self._admit(holder, (loop, future, holder, copy_context(), fn, args, kwargs))
        return await future

    def close(self) -> None:
        """Take no more work; threads end when what they run has ended."""
        self._closed = True
        for _ in range(self._started):
            self._tokens.put(False)

    def _admit(self, holder: str, work: Work) -> None:
        if self._closed:
            raise Unavailable("The agent is stopping.")
        with self._lock:
            if self._open.used >= self._bound or (holder and not self._open.fits(holder)):
                raise Overloaded(
                    "Every thread of this agent is busy and too many calls wait.",
                    retry_after=RETRY_AFTER,
                )
            self._open.add(holder)
            self._work.append(holder, work)
            more = self._open.used > self._started and self._started < self._size
            self._started += more
        self._tokens.put(True)
        if more:
            Thread(target=self._serve, name="chatixia-skill", daemon=True).start()

    def _serve(self) -> None:
        while self._tokens.get():
            with self._lock:
                work = self._work.popleft()
            self._run(*work)

    def _run(
        self,
        loop: AbstractEventLoop,
        future: Future[Any],
        holder: str,
        context: Context,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        result: Any = None
        error: BaseException | None = None
        if not future.cancelled():
            try:
                result = context.run(fn, *args, **kwargs)
            except BaseException as caught:  # noqa: BLE001 - it is raised where the result is awaited
                error = portable(caught)
        with self._lock:
            self._open.add(holder, -1)
        try:
            loop.call_soon_threadsafe(settle, future, result, error, context=context)
        except RuntimeError:
            return  # the loop is closed, so nothing awaits the result


def portable(error: BaseException) -> BaseException:
    """``error`` as a Future can carry it: never a StopIteration, never one that ends the loop."""
    if isinstance(error, StopIteration | SystemExit | KeyboardInterrupt | GeneratorExit):
        return RuntimeError(f"raised {type(error).__name__}")
    return error


def settle(future: Future[Any], result: Any, error: BaseException | None) -> None:
    """End ``future`` with the one or the other, unless it has ended."""
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
