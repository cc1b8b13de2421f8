"""Where skills that are plain generators run: a thread and a context of its own for each, from its
first item to its end.

What a generator holds open between two items may belong to its thread or its context: a `sqlite3`
connection, a `decimal` context, an `RLock`. A reader that stalls keeps the thread waiting, so these
are counted apart from the threads that run plain functions.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from chatixia.core.shares import RETRY_AFTER, Shares
from chatixia.errors import Overloaded, Unavailable

from .threads import portable, settle

MAX_GENERATORS: Final = 32
"""Of one agent, at once; one holder (``core.shares``) has at most three quarters."""

_END: Final = object()


class GeneratorThreads:
    """At most ``most`` generators at once, each in a thread of its own."""

    def __init__(self, most: int = MAX_GENERATORS) -> None:
        self._shares = Shares(most)
        self._open: set[_GeneratorThread] = set()
        self._closed = False

    async def items(self, make: Callable[[], Iterable[Any]], holder: str) -> AsyncIterator[Any]:
        """The items of ``make()``, which is called, stepped and closed in one thread.

        A reader that leaves early lets it end after the item in the making. Raises Overloaded when
        ``holder`` or all together have too many open, Unavailable after :meth:`close`, and
        whatever the generator raises.
        """
        runner = self._start(make, holder)
        try:
            while (item := await runner.step()) is not _END:
                yield item
        finally:
            await runner.close()

    def _start(self, make: Callable[[], Iterable[Any]], holder: str) -> _GeneratorThread:
        if self._closed:
            raise Unavailable("The agent is stopping.")
        if not self._shares.take(holder):
            raise Overloaded(
                "Every thread that this agent has for streams is taken.", retry_after=RETRY_AFTER
            )

        def ended() -> None:
            self._shares.add(holder, -1)
            self._open.discard(runner)

        runner = _GeneratorThread(get_running_loop(), make, ended)
        self._open.add(runner)
        return runner

    def close(self) -> None:
        """Take no more; what runs ends after the item that it is making."""
        self._closed = True
        for runner in self._open:
            runner.stop()


class _GeneratorThread:
    """One generator and its thread. ``ended`` is called on the loop when the thread is over."""

    def __init__(
        self, loop: AbstractEventLoop, make: Callable[[], Iterable[Any]], ended: Callable[[], None]
    ) -> None:
        self._loop, self._make, self._ended = loop, make, ended
        self._wanted: SimpleQueue[Future[Any] | None] = SimpleQueue()
        self._step: Future[Any] | None = None
        self._over: Future[None] = loop.create_future()
        context = copy_context()
        Thread(target=self._run, args=(context,), name="chatixia-stream", daemon=True).start()

    async def step(self) -> Any:
        """The next item, or the end."""
        self._step = step = self._loop.create_future()
        self._wanted.put(step)
        return await step

    def stop(self) -> None:
        """Let the thread close the generator when it comes to it."""
        self._wanted.put(None)

    async def close(self) -> None:
        """:meth:`stop`, and wait for it unless an item is being made, which nothing can stop."""
        self.stop()
        if self._step is None or not self._step.cancelled():
            await self._over

    def _run(self, context: Context) -> None:
        try:
            context.run(self._serve)
        finally:
            self._tell(self._end)

    def _end(self) -> None:
        settle(self._over, None, None)
        self._ended()

    def _serve(self) -> None:
        items: Iterator[Any] | None = None
        while (step := self._wanted.get()) is not None:
            item: Any = _END
            error: BaseException | None = None
            try:
                items = iter(self._make()) if items is None else items
                item = next(items, _END)
            except BaseException as caught:  # noqa: BLE001 - it is raised where the result is awaited
                error = portable(caught)
            self._tell(settle, step, item, error)
            if error is not None or item is _END:
                return
        getattr(items, "close", bool)()

    def _tell(self, what: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *args)
        except RuntimeError:
            return  # the loop is closed, so nothing awaits the result
