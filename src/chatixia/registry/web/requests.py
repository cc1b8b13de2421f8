"""The HTTP requests of members that are under way: how many, how large, and for how long.

Whoever has proved itself is out of the bounds of strangers, and one key must not hold every
descriptor with bodies that never come, or the memory with answers that nobody reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from chatixia.core.ports import Principal
from chatixia.core.shares import Shares, ShareUse, holder_of
from chatixia.errors import DeadlineExceeded, Overloaded
from chatixia.wire.base import MIB

from .body import Receive
from .unproved import CONNECTION

T = TypeVar("T")
MAX_REQUESTS: Final = 2048
MAX_REQUEST_BYTES: Final = 256 * MIB
BODY_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 1.0


class ClientGone(Exception):
    """The client left, or reads nothing; nobody takes an answer."""


class RequestUse(ShareUse):
    """What one request holds of its holder's share."""

    def need(self, size: int) -> None:
        """:meth:`take`, or raise Overloaded."""
        if not self.take(size):
            raise Overloaded(
                "Too many bytes of your requests and their answers are under way.",
                retry_after=RETRY_SECONDS,
            )


class RequestBudget:
    """All requests of members, by holder (core.shares). ``sizes``: their bytes."""

    def __init__(self) -> None:
        self._many, self.sizes = Shares(MAX_REQUESTS), Shares(MAX_REQUEST_BYTES)

    def __len__(self) -> int:
        return self._many.used

    @contextmanager
    def admit(self, principal: Principal | None, size: int) -> Iterator[RequestUse]:
        """Count a request with a body of ``size`` bytes until its answer has gone.

        Raises Overloaded. ``principal`` None: a stranger's, which counts where it was accepted.
        """
        if principal is None:
            yield RequestUse(Shares(MAX_REQUEST_BYTES), "")
            return
        holder = holder_of(principal)
        if not self._many.take(holder):
            raise Overloaded("Too many requests of yours are under way.", retry_after=RETRY_SECONDS)
        use = RequestUse(self.sizes, holder)
        try:
            use.need(size)
            yield use
        finally:
            use.owe(0)
            self._many.add(holder, -1)


def declared(headers: Mapping[str, str], most: int) -> int:
    """Bytes that a request's body may come to, at most ``most``."""
    if "transfer-encoding" in headers:
        return most
    length = headers.get("content-length", "0")
    return min(int(length[:20]), most) if length.isdigit() else most


async def in_time(body: Awaitable[T]) -> T:
    """A body that comes within its time. Raises DeadlineExceeded: nothing was done."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await body
    except TimeoutError:
        raise DeadlineExceeded(
            f"The body did not come within {BODY_SECONDS:.0f} seconds.", outcome="definite"
        ) from None


async def written(
    sending: Awaitable[None], scope: MutableMapping[str, Any], receive: Receive
) -> None:
    """An answer, or a part of one, that is read within its time.

    Raises Gone once it is not, and the connection has ended.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await sending
    except TimeoutError:
        scope[CONNECTION].abort()
        while (await receive())["type"] != "http.disconnect":
            pass
        raise ClientGone from None
