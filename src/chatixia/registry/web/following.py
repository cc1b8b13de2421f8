"""A task followed over plain HTTP: ``wait`` seconds for its end, or its events as they come (SSE).

Both end when the client leaves, and count against no bound on verbs meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, MutableMapping
from contextlib import aclosing, suppress
from typing import Any, Final, TypeVar

import msgspec

from chatixia.core.ports import Principal
from chatixia.core.task import is_terminal
from chatixia.errors import DeadlineExceeded, MeshError, Unprocessable, problem
from chatixia.registry.work.followers import Follower, Followers
from chatixia.wire import tasks as t
from chatixia.wire.base import decoder, encode
from chatixia.wire.signaling import TaskDone
from chatixia.world import World

from .answers import Send, opening
from .body import Receive
from .requests import ClientGone, written

MAX_WAIT_SECONDS: Final = 30.0
STREAM_SECONDS: Final = 600.0
"""Then the stream ends, and a client that goes on opens another."""
PING_SECONDS: Final = 15.0
SSE: Final = "text/event-stream"

T = TypeVar("T")
Read = Callable[[], Awaitable[bytes]]
Check = Callable[[], Awaitable[object]]
Scope = MutableMapping[str, Any]
_state = decoder(msgspec.defstruct("_State", [("state", t.State)]))


def seconds(query: Mapping[str, str]) -> float:
    """How long to wait, by the query's ``wait``. Raises Unprocessable."""
    try:
        wait = float(query.get("wait", "0"))
    except ValueError:
        wait = -1.0
    if not 0 <= wait <= MAX_WAIT_SECONDS:
        raise Unprocessable(f"wait: give seconds, at most {MAX_WAIT_SECONDS:.0f}.")
    return wait


def wants_events(headers: Mapping[str, str]) -> bool:
    """Whether a request asks for a stream of events."""
    kinds = headers.get("accept", "").split(",")
    return any(kind.partition(";")[0].strip().lower() == SSE for kind in kinds)


class ResponseStreams:
    """Waits and streams of HTTP requests."""

    def __init__(self, followers: Followers, world: World) -> None:
        self._followers, self._world = followers, world

    async def wait(
        self,
        principal: Principal,
        task_id: str,
        wait: float,
        read: Read,
        check: Check,
        receive: Receive,
    ) -> bytes:
        """What ``read`` gives once the task has ended, or after ``wait`` seconds.

        ``check`` raises if the credential did not outlast the wait. Raises Gone when the client
        leaves before, Overloaded with too many waits.
        """
        with self._followers.follow(principal, task_id) as follower:
            body = await read()
            if is_terminal(_state.decode(body).state):
                return body
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await while_there(_end(follower), receive)
        await check()
        return await read()

    async def stream(
        self,
        principal: Principal,
        task_id: str,
        read: Read,
        check: Check,
        receive: Receive,
        send: Send,
        scope: Scope,
    ) -> None:
        """The task now, then each change and report until it has ended, as server-sent events.

        ``check`` raises once the credential is not valid any more, which ends the stream.
        """
        with self._followers.follow(principal, task_id) as follower:
            body = await read()
            say = StreamWriter(send, scope, receive)
            await send(opening(200, SSE))
            await while_there(_events(follower, body, check, say, self._world), receive)
            await say.end()


async def _end(follower: Follower) -> None:
    while not isinstance(await follower.next(), TaskDone):
        pass


class StreamWriter:
    """The stream's own end; each part is read within its time, else Gone is raised."""

    def __init__(self, send: Send, scope: Scope, receive: Receive) -> None:
        self._send, self._scope, self._receive = send, scope, receive

    async def event(self, kind: str, data: bytes) -> None:
        """One server-sent event."""
        await self._part(b"event: %b\ndata: %b\n\n" % (kind.encode(), data), True)

    async def alive(self) -> None:
        """What keeps proxies from closing a silent line."""
        await self._part(b":\n\n", True)

    async def end(self) -> None:
        """The end."""
        await self._part(b"", False)

    async def _part(self, data: bytes, more: bool) -> None:
        message = {"type": "http.response.body", "body": data, "more_body": more}
        await written(self._send(message), self._scope, self._receive)


async def _events(
    follower: Follower, body: bytes, check: Check, say: StreamWriter, world: World
) -> None:
    await say.event("task", body)
    if is_terminal(_state.decode(body).state):
        return
    try:
        async with aclosing(_messages(follower, check, say, world)) as messages:
            async for message in messages:
                kind = str(type(message).__struct_config__.tag)
                await say.event(kind, encode(message))
                if isinstance(message, TaskDone):
                    return
        await say.event(
            "error",
            encode(problem(DeadlineExceeded("The time of this stream is over; open it again."))),
        )
    except MeshError as error:
        await say.event("error", encode(problem(error)))


async def _messages(
    follower: Follower, check: Check, say: StreamWriter, world: World
) -> AsyncGenerator[msgspec.Struct, None]:
    """The messages until the stream's time is over. The line is kept alive, and the right to it
    checked, at the same pace whether much comes or nothing."""
    start = world.monotonic()
    ends, due = start + STREAM_SECONDS, start + PING_SECONDS
    coming = asyncio.ensure_future(follower.next())
    try:
        while (now := world.monotonic()) < ends:
            if now >= due:
                await check()
                await say.alive()
                due = now + PING_SECONDS
            await asyncio.wait([coming], timeout=min(due, ends) - now)
            if coming.done():
                yield coming.result()
                coming = asyncio.ensure_future(follower.next())
    finally:
        coming.cancel()


async def while_there(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """``work``'s result; cancelled, and Gone raised, when the client leaves first."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait([doing, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientGone
        return doing.result()
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
