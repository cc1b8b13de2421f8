"""What HTTP answers look like: JSON, problem documents, the headers that all of them carry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from math import ceil
from typing import Any, Final

from chatixia.errors import BadRequest, MeshError, problem
from chatixia.wire.base import encode

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PIECE_BYTES: Final = 64 * 1024
API_CSP: Final = "default-src 'none'; frame-ancestors 'none'"
PAGE_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
ALWAYS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
RETRY_SECONDS: Final[Mapping[int, int]] = {429: 5, 503: 2}
"""status -> seconds of Retry-After."""
CLOSING_STATUSES: Final = frozenset({413, 504})
"""Statuses of a request whose body may not have come."""


async def answer(
    send: Send, status: int, body: bytes, kind: str, extra: Mapping[str, str] | None = None
) -> None:
    """One whole answer with the security headers, in pieces that wait for a slow reader."""
    await send(opening(status, kind, {"content-length": str(len(body)), **(extra or {})}))
    for at in range(0, max(1, len(body)), PIECE_BYTES):
        more = at + PIECE_BYTES < len(body)
        await send(
            {"type": "http.response.body", "body": body[at : at + PIECE_BYTES], "more_body": more}
        )


def opening(
    status: int, kind: str, extra: Mapping[str, str] | None = None
) -> MutableMapping[str, Any]:
    """The message that begins an answer, with the security headers."""
    headers = {
        "content-type": kind,
        "cache-control": "no-store",
        "content-security-policy": API_CSP,
        **ALWAYS,
        **(extra or {}),
    }
    raw = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": raw}


async def refuse(
    send: Send, error: MeshError, path: str = "", extra: Mapping[str, str] | None = None
) -> None:
    """A problem document (RFC 9457) with our code; when to come back, how to authenticate."""
    headers = dict(extra or {})
    if error.retry_after or (error.retryable and error.status in RETRY_SECONDS):
        headers["retry-after"] = str(ceil(error.retry_after) or RETRY_SECONDS[error.status])
    if error.status == 401:
        headers["www-authenticate"] = 'Bearer realm="chatixia"'
    if error.status in CLOSING_STATUSES:
        headers["connection"] = "close"  # what is left of the body is never read
    body = encode(problem(error, path))
    await answer(send, error.status, body, "application/problem+json", headers)


async def not_allowed(send: Send, path: str, allow: str) -> None:
    """405 with the methods that the path has."""
    error = BadRequest(f"This path takes {allow}.")
    body = encode(problem(error, path) | {"status": 405})
    await answer(send, 405, body, "application/problem+json", {"allow": allow})
