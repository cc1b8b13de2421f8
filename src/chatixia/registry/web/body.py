"""Reading a request's body within its bound, and not one buffer more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from chatixia.errors import BadRequest, TooLarge

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to exceed ``limit`` bytes.

    A declared length above the bound is refused before anything is read.
    """
    declared = headers.get("content-length", "")
    if declared and (not declared.isdigit() or int(declared[:20]) > limit):
        raise TooLarge(f"The body is larger than {limit} bytes.")
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The connection ended inside the body.")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)
