"""Which skills are at work of their own, and which only wait for the mesh.

Of the latter a fake clock may skip the waiting; the former take the time that they take.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from chatixia.core.ports import ArtifactFeed, Handler, Incoming, Responder, Stream

T = TypeVar("T")


class Work:
    """One request that is served. ``waits``: for how many of its own calls it waits now."""

    __slots__ = ("waits",)

    def __init__(self) -> None:
        self.waits = 0


_serving: ContextVar[Work | None] = ContextVar("serving", default=None)
"""Inherited by the tasks and threads of a skill, so that their calls count as its own."""


class Works:
    """The requests that are served in one network. ``asking``: how many wait for the mesh.

    ``stir`` is called whenever one that was at work is so no more.
    """

    def __init__(self, stir: Callable[[], None]) -> None:
        self._stir = stir
        self._open: set[Work] = set()
        self.asking = 0

    @property
    def busy(self) -> int:
        """Requests whose skills are at work of their own."""
        return sum(not work.waits for work in self._open)

    def watched(self, handler: Handler) -> Handler:
        """``handler``, counted while it serves."""

        async def serve(incoming: Incoming, responder: Responder) -> None:
            work = Work()
            token = _serving.set(work)
            self._open.add(work)
            try:
                await handler(incoming, responder)
            finally:
                self._open.discard(work)
                self._stir()
                _serving.reset(token)

        return serve

    @contextmanager
    def ask(self) -> Iterator[None]:
        """While a call is under way: its caller waits, and a skill that calls is not at work."""
        work = _serving.get()
        self.asking += 1
        if work is not None:
            work.waits += 1
        self._stir()
        try:
            yield
        finally:
            self.asking -= 1
            if work is not None:
                work.waits -= 1

    async def items(self, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """``items``, each waited for as what is asked."""
        end: Any = object()
        try:
            while True:
                with self.ask():
                    item = await anext(items, end)
                if item is end:
                    return
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()


class WatchedStream:
    """``core.ports.Stream`` over another, each item waited for as what is asked."""

    def __init__(self, stream: Stream, works: Works) -> None:
        self._stream, self._works = stream, works
        self._items: AsyncGenerator[bytes, None] | None = None

    @property
    def via(self) -> str:
        """The tier that carries it."""
        return self._stream.via

    @via.setter
    def via(self, via: str) -> None:
        self._stream.via = via

    @property
    def artifacts(self) -> tuple[ArtifactFeed, ...]:
        """Those of the item given last."""
        return self._stream.artifacts

    @property
    def arrived(self) -> int:
        """How many items have come."""
        return self._stream.arrived

    @property
    def event(self) -> bytes:
        """That of the item given last."""
        return self._stream.event

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The items, in order."""
        if self._items is None:
            self._items = self._works.items(aiter(self._stream))
        return self._items

    async def aclose(self) -> None:
        """Cancel the far end unless it already ended."""
        await self._stream.aclose()
        if self._items is not None:
            await self._items.aclose()
