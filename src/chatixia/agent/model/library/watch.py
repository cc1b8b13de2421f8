"""Signs of life of a provider: each byte that it sends, whether it says something or not.

A model that thinks may send nothing but what keeps the connection open; a provider that is down
sends nothing at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from types import TracebackType
from typing import Final

import httpx2
from pydantic_ai.models import create_async_httpx2_client

from chatixia.agent.model.endpoints import MAX_RESPONSE, Endpoint
from chatixia.errors import ModelFailed
from chatixia.world import World

TAIL: Final = 64
END: Final = b"[DONE]"
"""With which a stream of chat completions ends."""


class SilenceWatch:
    """Ends the request that it surrounds when nothing comes: for ``first_byte`` seconds, and then
    for ``silence`` seconds; or when too much comes. Raises ModelFailed."""

    def __init__(self, endpoint: Endpoint, first_byte: float, silence: float, world: World) -> None:
        self._title = endpoint.title
        self._limit = first_byte
        self._silence = silence
        self._world = world
        self._clock = asyncio.timeout(first_byte)
        self._is_paused = False
        self._size = 0
        self._tail = b""

    async def __aenter__(self) -> SilenceWatch:
        await self._clock.__aenter__()
        self._token = _current.set(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _current.reset(self._token)
        try:
            await self._clock.__aexit__(kind, error, trace)
        except TimeoutError:
            raise ModelFailed(
                f"{self._title} sent nothing for {self._limit:g} s.", retryable=True
            ) from None

    def alive(self) -> None:
        """Something came."""
        self._limit = self._silence
        if not self._is_paused and not self._clock.expired():
            self._clock.reschedule(self._world.monotonic() + self._silence)

    def receive(self, data: bytes) -> None:
        """``data`` came. Raises ModelFailed for more than a response may have."""
        self.alive()
        self._size += len(data)
        self._tail = (self._tail + data[-TAIL:])[-TAIL:]
        if self._size > MAX_RESPONSE:
            raise ModelFailed(f"{self._title} sent more than {MAX_RESPONSE} bytes.")

    @property
    def has_end(self) -> bool:
        """Whether the last that came says that nothing follows."""
        return self._tail.rstrip().endswith(END)

    def hold(self) -> None:
        """What follows is not the provider's time, until :meth:`go_on`."""
        self._is_paused = True
        self._clock.reschedule(None)

    def go_on(self) -> None:
        """The provider's time runs again."""
        self._is_paused = False
        self.alive()


PLAIN: Final = "identity"
"""No compression: a few bytes of it can become more than fits into memory."""
_current: Final[ContextVar[SilenceWatch | None]] = ContextVar("watch", default=None)


def client() -> httpx2.AsyncClient:
    """An HTTP client that tells the watch of its request of each byte that comes."""
    http = create_async_httpx2_client()
    http.headers["Accept-Encoding"] = PLAIN
    http.event_hooks["response"].append(_follow)
    return http


async def _follow(response: httpx2.Response) -> None:
    watch = _current.get()
    if response.headers.get("Content-Encoding", PLAIN) != PLAIN:
        raise ModelFailed("The provider compressed what it was asked to send as it is.")
    if watch is not None and isinstance(response.stream, httpx2.AsyncByteStream):
        watch.alive()
        response.stream = _Followed(response.stream, watch)


class _Followed(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, watch: SilenceWatch) -> None:
        self._stream = stream
        self._watch = watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._watch.receive(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
