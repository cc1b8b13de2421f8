"""A task followed over plain HTTP: ``wait`` seconds for its end, or its events as they come (SSE).

Both end when the client leaves, and hold no turn of anybody's verbs meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from chatixia.core.ports import Principal
from chatixia.core.task import is_terminal
from chatixia.errors import DeadlineExceeded, MeshError, Unprocessable, problem
from chatixia.registry.work.followers import Follower, Followers
from chatixia.wire import tasks as t
from chatixia.wire.base import decoder, encode
from chatixia.wire.signaling import TaskDone

from .answers import Send, opening
from .body import Receive

MAX_WAIT: Final = 30.0
STREAM_SECONDS: Final = 600.0
"""Then the stream ends, and a client that goes on opens another."""
PING_SECONDS: Final = 15.0
SSE: Final = "text/event-stream"

T = TypeVar("T")
Read = Callable[[], Awaitable[bytes]]
Check = Callable[[], Awaitable[object]]
_state = decoder(msgspec.defstruct("_State", [("state", t.State)]))


class Gone(Exception):
    """The client left; nobody reads an answer."""


def seconds(query: Mapping[str, str]) -> float:
    """How long to wait, by the query's ``wait``. Raises Unprocessable."""
    try:
        wait = float(query.get("wait", "0"))
    except ValueError:
        wait = -1.0
    if not 0 <= wait <= MAX_WAIT:
        raise Unprocessable(f"wait: give seconds, at most {MAX_WAIT:.0f}.")
    return wait


def wants_events(headers: Mapping[str, str]) -> bool:
    """Whether a request asks for a stream of events."""
    kinds = headers.get("accept", "").split(",")
    return any(kind.partition(";")[0].strip().lower() == SSE for kind in kinds)


class Following:
    """Waits and streams for the web door."""

    def __init__(self, followers: Followers) -> None:
        self._followers = followers

    async def wait(
        self, who: Principal, task_id: str, wait: float, read: Read, receive: Receive
    ) -> bytes:
        """What ``read`` gives once the task has ended, or after ``wait`` seconds.

        Raises Gone when the client leaves before, Overloaded with too many waits.
        """
        with self._followers.follow(who, task_id) as follower:
            body = await read()
            if is_terminal(_state.decode(body).state):
                return body
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await while_there(_end(follower), receive)
        return await read()

    async def stream(
        self, who: Principal, task_id: str, read: Read, check: Check, receive: Receive, send: Send
    ) -> None:
        """The task now, then each change and report until it has ended, as server-sent events.

        ``check`` raises once the credential holds no longer; the stream ends by it.
        """
        with self._followers.follow(who, task_id) as follower:
            body = await read()
            await send(opening(200, SSE))
            with suppress(Gone):
                await while_there(_events(follower, body, check, send), receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _end(follower: Follower) -> None:
    while not isinstance(await follower.next(), TaskDone):
        pass


async def _events(follower: Follower, body: bytes, check: Check, send: Send) -> None:
    await _say(send, "task", body)
    if is_terminal(_state.decode(body).state):
        return
    try:
        async with asyncio.timeout(STREAM_SECONDS):
            while True:
                message = await _next(follower, check, send)
                kind = str(type(message).__struct_config__.tag)
                await _say(send, kind, encode(message))
                if isinstance(message, TaskDone):
                    return
    except TimeoutError:
        await _say(send, "error", encode(problem(DeadlineExceeded("The stream has its time."))))
    except MeshError as error:
        await _say(send, "error", encode(problem(error)))


async def _next(follower: Follower, check: Check, send: Send) -> msgspec.Struct:
    """The next message; while there is none the line is kept alive and the right to it checked."""
    coming = asyncio.ensure_future(follower.next())
    try:
        while not (await asyncio.wait([coming], timeout=PING_SECONDS))[0]:
            await check()
            await _chunk(send, b":\n\n")
        return coming.result()
    finally:
        coming.cancel()


async def _say(send: Send, kind: str, data: bytes) -> None:
    await _chunk(send, b"event: %b\ndata: %b\n\n" % (kind.encode(), data))


async def _chunk(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def while_there(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """``work``'s result; cancelled, and Gone raised, when the client leaves first."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait([doing, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise Gone
        return doing.result()
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
