"""A streamed answer: ``async with handle.stream(...) as items: async for item in items``."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from chatixia.core.ports import Outgoing, Stream
from chatixia.errors import BadRequest, MeshError

from .call_context import CallContext
from .progress import Progress
from .value import decode

if TYPE_CHECKING:
    from asyncio import Event

MAX_STEPS: Final = 64
"""Reports of progress that a slow reader of a stream's events may be behind; the oldest go."""
_END: Final = object()


class Items:
    """The items of one stream, each a Python value. Leaving the block cancels the far end.

    Also iterable without the block; then the far end is cancelled when the iteration is closed.
    """

    __slots__ = ("_chunks", "_context", "_outgoing", "_stream")

    def __init__(self, context: CallContext, outgoing: Outgoing) -> None:
        self._context = context
        self._outgoing = outgoing
        self._stream: Stream | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    @property
    def via(self) -> str:
        """The tier that carries it, once it runs."""
        return "" if self._stream is None else self._stream.via

    def _open(self) -> Stream:
        if self._stream is not None:
            raise BadRequest("A stream can be read once; ask for it again.")
        try:
            self._stream = self._context.stream(self._outgoing)
        except MeshError as error:
            error.by_call = True
            raise
        return self._stream

    async def __aenter__(self) -> Items:
        """Ask for the items."""
        self._chunks = aiter(self._open())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel the far end unless it has ended."""
        if self._stream is not None:
            await self._stream.aclose()

    async def events(self) -> AsyncGenerator[Progress, None]:
        """The items, and what the skill tells of its progress, each a :class:`Progress`."""
        from asyncio import FIRST_COMPLETED, Event, ensure_future, wait

        steps: deque[Progress] = deque(maxlen=MAX_STEPS)
        news = Event()
        before, self._outgoing.on_progress = self._outgoing.on_progress, _collecting(steps, news)
        items = aiter(self)
        item, progressed = ensure_future(_next(items)), ensure_future(news.wait())
        try:
            while True:
                await wait((item, progressed), return_when=FIRST_COMPLETED)
                while steps:
                    yield steps.popleft()
                if item.done():
                    if (value := item.result()) is _END:
                        return
                    item = ensure_future(_next(items))
                    yield Progress(item=value)
                if progressed.done():
                    news.clear()
                    progressed = ensure_future(news.wait())
        finally:
            self._outgoing.on_progress = before
            item.cancel()
            progressed.cancel()
            await wait((item, progressed))

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._alone() if self._chunks is None else self

    async def __anext__(self) -> Any:
        if self._chunks is None:
            raise BadRequest("Open a stream first: async with handle.stream(...) as items.")
        try:
            return self._value(await anext(self._chunks))
        except MeshError as error:
            error.by_call = True
            raise

    def _value(self, chunk: bytes) -> Any:
        return decode(chunk, () if self._stream is None else self._stream.artifacts)

    async def _alone(self) -> AsyncIterator[Any]:
        stream = self._open()
        try:
            async for chunk in stream:
                yield self._value(chunk)
        except MeshError as error:
            error.by_call = True
            raise
        finally:
            await stream.aclose()


def _collecting(steps: deque[Progress], news: Event) -> Callable[[float | None, str], None]:
    def collect(fraction: float | None, note: str) -> None:
        steps.append(Progress(fraction, note))
        news.set()

    return collect


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)
