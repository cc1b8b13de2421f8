"""A server over streamable HTTP: its answers have the bounds of one that is a process here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx2
from mcp.client.streamable_http import streamable_http_client

from chatixia.errors import TooLarge

from .flood import MAX_MESSAGE, FloodGuard

CONNECT_S: Final = 10.0
READ_S: Final = 300.0
"""Seconds between two pieces of a stream; a call's own time-out is shorter."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Counts what comes. ``ended``: hears why nothing more is read."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, ended: Callable[[str], None]) -> None:
        self._inner, self._ended, self._flood = inner, ended, FloodGuard()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The inner answer, its body counted as it is read."""
        response = await self._inner.handle_async_request(request)
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        body: Any = response.stream
        response.stream = _Counted(
            body, self._flood, None if is_stream else MAX_MESSAGE, self._ended
        )
        return response

    async def aclose(self) -> None:
        """Close the inner one."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(
        self, inner: Any, flood: FloodGuard, most: int | None, ended: Callable[[str], None]
    ) -> None:
        self._inner, self._flood, self._most, self._ended = inner, flood, most, ended

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            try:
                self._flood.count(len(chunk))
                if self._most is not None and size > self._most:
                    raise TooLarge(f"An answer of it has more than {self._most} bytes.")
            except TooLarge as error:
                self._ended(error.message)
                raise httpx2.ReadError(error.message) from None
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def remote(
    url: str, headers: Mapping[str, str], ended: Callable[[str], None]
) -> AsyncIterator[Any]:
    """The streams of a connection to the server at ``url``. No redirect is followed: the headers
    are for this server alone."""
    async with (
        httpx2.AsyncClient(
            headers=dict(headers),
            timeout=httpx2.Timeout(CONNECT_S, read=READ_S),
            follow_redirects=False,
            transport=BoundedTransport(httpx2.AsyncHTTPTransport(), ended),
        ) as http,
        streamable_http_client(url, http_client=http, max_sse_event_size=MAX_MESSAGE) as streams,
    ):
        yield streams
