"""The way from a thread to a mesh that lives on a loop in another: one anyio blocking portal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

from chatixia.errors import ConfigError, MeshError
from chatixia.world import process_id

from .call_context import FORKED
from .progress import OnProgress, Progress

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

T = TypeVar("T")

NOT_OPEN: Final = "This mesh is not open; write `with connect_sync() as mesh`."


class Bridge:
    """Runs on the mesh's loop what is asked here, and waits for it. Closed until :meth:`open`.

    Every method raises ConfigError while it is closed, and in a process that forked.
    """

    def __init__(self) -> None:
        self._portal: BlockingPortal | None = None
        self._pid = process_id()

    def open(self, portal: BlockingPortal) -> None:
        """From now on what is asked goes through ``portal``."""
        self._portal, self._pid = portal, process_id()

    def close(self) -> bool:
        """Refuse whatever is asked from now on; whether this is the process that opened it."""
        self._portal = None
        return self._pid == process_id()

    @property
    def portal(self) -> BlockingPortal:
        """The way in."""
        if self._portal is None:
            raise ConfigError(NOT_OPEN)
        if (
            self._pid != process_id()
        ):  # the loop's thread is not in this process: no answer would come
            raise ConfigError(FORKED)
        return self._portal

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work()`` comes to. Its MeshError is raised here, without the way it took."""
        portal = self.portal
        try:
            return portal.call(_awaited, work)
        except (MeshError, TypeError) as error:
            raise trimmed(error)  # noqa: B904 - the same error

    def listen(
        self, work: Callable[[OnProgress], Awaitable[T]], on_progress: OnProgress | None
    ) -> T:
        """The same; ``work`` gets a function for its progress, which is reported in this thread.

        What ``on_progress`` raises ends the work and is raised.
        """
        if on_progress is None:
            return self.run(lambda: work(_ignore_step))
        steps: SimpleQueue[Progress | None] = SimpleQueue()
        future = self.portal.start_task_soon(_await_with_steps, work, steps)
        try:
            while (step := steps.get()) is not None:
                on_progress(step)
            return future.result()
        except (MeshError, TypeError) as error:
            raise trimmed(error)  # noqa: B904 - the same error
        finally:
            future.cancel()

    def each(self, items: AsyncIterator[T]) -> Iterator[T]:
        """The items, one after the other."""
        end: Any = object()

        async def one() -> Any:
            return await anext(items, end)

        while (item := self.run(one)) is not end:
            yield item


def trimmed(error: BaseException) -> Any:
    """``error`` without the frames of the loop's thread, which mean nothing to the caller: its
    causes keep their sentences."""
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            break
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _await_with_steps(
    work: Callable[[OnProgress], Awaitable[T]], steps: SimpleQueue[Progress | None]
) -> T:
    try:
        return await work(steps.put)
    finally:
        steps.put(None)


def _ignore_step(step: Progress) -> None:
    """No one asked for progress."""
