"""Run many awaitables with at most so many at once; answers in the order asked."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, TypeVar

from chatixia.errors import BadArguments

T = TypeVar("T")
AWAY: Any = object()


async def gather(
    work: Iterable[Awaitable[T]], limit: int = 8, return_exceptions: bool = False
) -> list[T]:
    """The results of ``work`` in its order, at most ``limit`` at once.

    A generator is advanced only when there is room, so that a million calls cost no memory. The
    first error cancels the rest and is raised, unless ``return_exceptions`` puts it in its place.
    """
    from asyncio import CancelledError, Task, ensure_future
    from asyncio import gather as all_of

    if limit < 1:
        raise BadArguments("gather needs a limit of at least 1.")
    source = iter(work)
    results: list[Any] = []

    async def one() -> None:
        # `next` has no await in it, so no two workers ever take the same item.
        for item in source:
            place = len(results)
            results.append(AWAY)
            try:
                results[place] = await item
            except (Exception, CancelledError) as error:
                if not return_exceptions or isinstance(error, CancelledError):
                    raise
                results[place] = error

    workers: list[Task[None]] = [ensure_future(one()) for _ in range(limit)]
    try:
        await all_of(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await all_of(*workers, return_exceptions=True)
        _drop(source)
    return results


def _drop(source: Iterator[Any]) -> None:
    """Close what was never started, so that Python does not warn of it; a generator is ended."""
    if (close := getattr(source, "close", None)) is not None:
        close()
        return
    for item in source:
        if (close := getattr(item, "close", None)) is not None:
            close()
