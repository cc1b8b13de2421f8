"""A described answer where items are awaited: it comes in one piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from chatixia.core.ports import ArtifactFeed, CallAnswer, Stream


class DescribedStream:
    """``core.ports.Stream``: one item, or, where ``call`` gives None, all of ``otherwise``."""

    def __init__(
        self, call: Callable[[], Awaitable[CallAnswer | None]], otherwise: Callable[[], Stream]
    ) -> None:
        self._call, self._otherwise = call, otherwise
        self._other: Stream | None = None
        self._items: AsyncGenerator[bytes, None] | None = None
        self.via, self._arrived = "", 0

    @property
    def artifacts(self) -> tuple[ArtifactFeed, ...]:
        """What ``{"$artifact": n}`` in the item given last stands for."""
        return self._other.artifacts if self._other is not None else ()

    @property
    def arrived(self) -> int:
        """How many items have come."""
        return self._other.arrived if self._other is not None else self._arrived

    @property
    def event(self) -> bytes:
        """The event of the item given last."""
        return self._other.event if self._other is not None else b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The items; a second loop goes on where the first stopped."""
        if self._items is None:
            self._items = self._read()
        return self._items

    async def _read(self) -> AsyncGenerator[bytes, None]:
        answer = await self._call()
        if answer is not None:
            self.via, self._arrived = answer.via, 1
            yield answer.value
            return
        self._other = self._otherwise()
        async for item in self._other:
            self.via = self._other.via
            yield item

    async def aclose(self) -> None:
        """Cancel the far end unless it already ended."""
        if self._other is not None:
            await self._other.aclose()
        if self._items is not None:
            await self._items.aclose()
