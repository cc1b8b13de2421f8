"""A streamed answer: ``async with handle.stream(...) as items: async for item in items``."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from chatixia.core.ports import Outgoing, Stream
from chatixia.errors import BadRequest, DeadlineExceeded, MeshError
from chatixia.wire.events import unpack

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

    __slots__ = ("__weakref__", "_alive", "_chunks", "_context", "_outgoing", "_silence", "_stream")

    def __init__(self, context: CallContext, outgoing: Outgoing, silence: float = 0.0) -> None:
        """``silence``: seconds without any sign of life after which it ends, 0 for no bound."""
        self._context = context
        self._outgoing = outgoing
        self._stream: Stream | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._silence = silence
        self._alive = False

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

    async def __aexit__(self, *error: object) -> None:
        """Cancel the far end unless it has ended."""
        if self._stream is not None:
            await self._stream.aclose()

    async def events(self) -> AsyncGenerator[Progress, None]:
        """The items, what an agent's model tells of its work, and what the skill tells of its
        progress, in the order in which they came; each a :class:`Progress`."""
        from asyncio import FIRST_COMPLETED, Event, ensure_future, wait

        news, outgoing = _News(self, Event()), self._outgoing
        before = outgoing.on_progress, outgoing.on_event
        outgoing.on_progress, outgoing.on_event = news.progress, news.event
        items, read = self._each(), 0
        item, beside = ensure_future(_next(items)), ensure_future(news.changed.wait())
        try:
            while True:
                await wait((item, beside), return_when=FIRST_COMPLETED)
                for step in news.until(read):
                    yield step
                if item.done():
                    if (value := item.result()) is _END:
                        return
                    item, read = ensure_future(_next(items)), read + 1
                    yield value
                if beside.done():
                    news.changed.clear()
                    beside = ensure_future(news.changed.wait())
        finally:
            outgoing.on_progress, outgoing.on_event = before
            item.cancel()
            beside.cancel()
            await wait((item, beside))

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._alone() if self._chunks is None else self

    async def __anext__(self) -> Any:
        if self._chunks is None:
            raise BadRequest("Open a stream first: async with handle.stream(...) as items.")
        try:
            chunk = await self._next(self._chunks)
            while self._stream is not None and self._stream.event:
                chunk = await self._next(self._chunks)
            return self._value(chunk)
        except MeshError as error:
            error.by_call = True
            raise

    def _value(self, chunk: bytes) -> Any:
        return decode(chunk, () if self._stream is None else self._stream.artifacts)

    async def _alone(self) -> AsyncIterator[Any]:
        stream = self._open()
        try:
            async for chunk in stream:
                if not stream.event:
                    yield self._value(chunk)
        except MeshError as error:
            error.by_call = True
            raise
        finally:
            await stream.aclose()

    async def _each(self) -> AsyncGenerator[Progress, None]:
        opened = self._chunks is not None
        chunks: AsyncIterator[bytes] = self._chunks or aiter(self._open())
        try:
            while (chunk := await self._next(chunks, None)) is not None:
                event = b"" if self._stream is None else self._stream.event
                yield Progress(event=unpack(event)) if event else Progress(item=self._value(chunk))
        except MeshError as error:
            error.by_call = True
            raise
        finally:
            if not opened and self._stream is not None:
                await self._stream.aclose()

    async def _next(self, chunks: AsyncIterator[bytes], *default: Any) -> Any:
        """The next chunk. Raises DeadlineExceeded where none, nor any progress, came in time."""
        if not self._silence:
            return await anext(chunks, *default)
        from asyncio import ensure_future, wait

        chunk = ensure_future(_awaited(anext(chunks, *default)))
        try:
            self._alive = True
            while self._alive and not chunk.done():
                self._alive = False
                await wait((chunk,), timeout=self._silence)
        finally:
            if not chunk.done():
                chunk.cancel()
                await wait((chunk,))
        if chunk.cancelled():
            agent = self._outgoing.target
            text = f"{agent} has said nothing for {self._silence:g} s."
            raise DeadlineExceeded(text, agent=agent, via=self.via or None)
        return chunk.result()

    @property
    def _arrived(self) -> int:
        return 0 if self._stream is None else self._stream.arrived


class _News:
    """What comes beside the items, each with the number of items that came before it.

    It holds no reference to the items: what hears of progress must lead back to no Outgoing.
    """

    def __init__(self, items: Items, changed: Event) -> None:
        self._items, self.changed = ref(items), changed
        self._steps: deque[tuple[int, Progress]] = deque(maxlen=MAX_STEPS)

    def progress(self, fraction: float | None, note: str) -> None:
        """How far it is."""
        self._add(Progress(fraction, note))

    def event(self, data: bytes) -> None:
        """An event of a task in the queue."""
        self._add(Progress(event=unpack(data)))

    def _add(self, step: Progress) -> None:
        items = self._items()
        self._steps.append((0 if items is None else items._arrived, step))
        if items is not None:
            items._alive = True
        self.changed.set()

    def until(self, read: int) -> Iterator[Progress]:
        """What came before the item that is read next."""
        while self._steps and self._steps[0][0] <= read:
            yield self._steps.popleft()[1]


async def _awaited(chunk: Awaitable[Any]) -> Any:
    return await chunk


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)
