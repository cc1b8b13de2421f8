"""The asking side of the queue: submit, wait for the push (poll as safety net), watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from chatixia.background import BackgroundTasks, Pauses
from chatixia.core import route
from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.core.queued import VIA, call_error, not_fetched, submission, task_value
from chatixia.core.queued_artifacts import pack, unpack
from chatixia.core.tries import RetryHistory, may_repeat
from chatixia.errors import (
    DeadlineExceeded,
    MeshError,
    NotFound,
    Overloaded,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.peer.artifacts import queued
from chatixia.peer.ports import RegistryPort
from chatixia.peer.sessions.dispatch import advance, deliver_event
from chatixia.peer.timers import Timers
from chatixia.wire import tasks as t
from chatixia.wire.registry import AgentRef
from chatixia.wire.signaling import TaskDone, TaskHint, TaskProgress
from chatixia.world import World, task_id

POLL: Final = (1.0, 2.0, 4.0, 5.0)
"""Seconds between looks at the row while no push comes."""
RETRY: Final = 0.5
WATCH_POLL: Final = 5.0
POLLS: Final = 200
"""Looks a second, at most, at tasks that are watched: who watches many looks less often at each."""
WATCHED: Final = 1024
"""Pushes that a slow watcher may be behind; the oldest progress is dropped then."""
LATER: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Seconds until a cancel that found no task is repeated: the submit before it may still be being
written."""
LATE: Final = "the caller's deadline is over"
STRANDED: Final = "another agent is asked"
LAST_LOOK: Final = 2.0
"""Seconds past its deadline that a call waits for each word on whether its task was begun."""
LAST_WORDS: Final = 0.5
"""Seconds for cancels on their way to the registry when this process stops."""


class ProgressListener(msgspec.Struct, eq=False):
    """A call that wants to hear how far its task is, and the last report that it heard."""

    outgoing: Outgoing
    fence: str = ""
    n: int = -1
    step: tuple[float | None, str] = (None, "")

    def hear(self, push: TaskProgress) -> None:
        """Pass a report on; one that is only repeated (after a new login) is not."""
        if push.fence == self.fence and push.n <= self.n:
            return
        self.fence, self.n = push.fence, push.n
        if push.event is not msgspec.UNSET:
            deliver_event(self.outgoing, bytes(push.event))
        elif push.item is msgspec.UNSET:
            advance(self.outgoing, push.fraction, push.note)

    def look(self, row: t.Task) -> None:
        """Pass on how far a row is that was read, where it is further than before."""
        if (row.progress, row.note) != self.step:
            self.step = row.progress, row.note
            advance(self.outgoing, *self.step)


class QueueClient:
    """Calls over the durable queue, and the pushes about tasks of ours.

    ``look_every``: seconds between looks at a row where the registry pushes nothing; a submit that
    was surely not taken is not repeated there while the registry is away.
    """

    def __init__(
        self,
        registry: RegistryPort,
        world: World,
        timers: Timers,
        look_every: float | None = None,
    ) -> None:
        self._registry, self._world, self._look_every = registry, world, look_every
        self._waiting: dict[str, asyncio.Future[t.Task]] = {}
        self._listeners: dict[str, ProgressListener] = {}
        self._watched: dict[str, set[asyncio.Queue[msgspec.Struct]]] = {}
        self._unsubscribed: set[str] = set()
        """Watched in an earlier login: the one that stands is pushed nothing about them."""
        self._background = BackgroundTasks()
        self._pauses = Pauses(timers.later)
        self._over: MeshError | None = None

    @property
    def waiting(self) -> int:
        """Calls that wait for their task."""
        return len(self._waiting)

    def registry_up(self) -> None:
        """A login stands; what is watched is watched there too with the next look at it."""
        self._unsubscribed = set(self._watched)

    def pushed(self, push: msgspec.Struct) -> None:
        """A push from the registry; others than about tasks are not ours."""
        if isinstance(push, TaskDone):
            name = push.task.id
            waiter = self._waiting.get(name)
            if waiter is not None and not waiter.done():
                waiter.set_result(push.task)
        elif isinstance(push, TaskHint | TaskProgress):
            name = push.task_id
            if isinstance(push, TaskProgress) and (listener := self._listeners.get(name)):
                listener.hear(push)
        else:
            return
        for queue in self._watched.get(name, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(push)

    async def call(self, outgoing: Outgoing, rid: str, deadline: float) -> CallAnswer:
        """Submit under the request id as key and wait for the end of the task."""
        if len(outgoing.body) > t.MAX_PAYLOAD:
            raise route.too_large(outgoing)
        body = pack(outgoing.body, await queued.inline(outgoing.artifacts))
        if body is not outgoing.body:
            outgoing = replace(outgoing, body=body)
        started = self._world.monotonic()
        drawn = name = str(task_id(self._world))
        self._expect(name)  # before it is submitted: its end may come with the receipt
        try:
            task = submission(outgoing, name, rid, deadline - self._world.monotonic())
            name = await self._submit(task, deadline)
            if name != drawn:
                self._expect(name)
            if outgoing.on_progress is not None or outgoing.on_event is not None:
                self._listeners[name] = ProgressListener(outgoing)
            row = await self._ended(name, outgoing, deadline)
        except asyncio.CancelledError:
            self._cancel_later(name)
            raise
        except MeshError:
            if self._over is not None:
                self._cancel_later(name)
            raise
        finally:
            self._waiting.pop(drawn, None)
            self._waiting.pop(name, None)
            self._listeners.pop(name, None)
        if row.state != "completed":
            raise call_error(row)
        ms = 1000 * (self._world.monotonic() - started)
        agent = AgentId(row.assigned_agent_id or outgoing.target)
        value, table = unpack(task_value(row))
        return CallAnswer(value, VIA, ms, agent, artifacts=queued.feeds(table))

    async def _submit(self, task: t.Submit, deadline: float) -> str:
        """Until it is acknowledged; a retry has the same id and key, so nothing doubles."""
        tries = RetryHistory()
        while True:
            left = deadline - self._world.monotonic()
            try:
                done = await self._registry.verb("tasks.submit", task, timeout=min(10.0, left))
            except MeshError as error:
                last = tries.failed(error)
                away = self._look_every and not (self._registry.up or tries.in_doubt)
                if away or not may_repeat(error) or left <= RETRY:
                    if tries.in_doubt:
                        self._cancel_later(task.id)  # nobody waits for it any more
                    raise _no_queue(last, task.target_agent_id) from None
                await self._pauses.sleep(RETRY)
            else:
                return str(done.task_id)

    async def _ended(self, name: str, outgoing: Outgoing, deadline: float) -> t.Task:
        polls = iter(POLL if self._look_every is None else ())
        wait = self._look_every or POLL[0]
        if name in self._listeners:
            await self._look(name)  # from here on its progress is pushed
        while (left := deadline - self._world.monotonic()) > 0:
            wait = next(polls, wait)
            row = await self._push(name, min(wait, left))
            if row is None:
                row = await self._look(name)
            if row is None:
                continue
            if row.state in t.TERMINAL:
                return row
            if await stranded(self._registry.verb, outgoing, row):
                return await self._take_back(name, STRANDED, left_behind(outgoing.target))
        return await self._take_back(name, LATE, DeadlineExceeded(agent=outgoing.target, via=VIA))

    def _expect(self, name: str) -> None:
        self._check()
        self._waiting[name] = asyncio.get_running_loop().create_future()

    async def _push(self, name: str, seconds: float) -> t.Task | None:
        """The final row if it is pushed in that time."""
        waiter = self._waiting[name]
        await self._pauses.until(waiter, seconds)
        if not waiter.cancelled():
            return waiter.result()
        self._expect(name)
        return None

    async def _look(self, name: str, timeout: float = 5.0) -> t.Task | None:
        with contextlib.suppress(MeshError):
            request: msgspec.Struct
            verb, request = "tasks.get", t.Ref(name)
            listener = self._listeners.get(name)
            if self._look_every is None and (listener or name in self._unsubscribed):
                self._unsubscribed.discard(name)  # refused for its share, it is read like others
                verb, request = "tasks.watch", t.Watch(name)
            row = await self._registry.verb(verb, request, timeout=timeout)
            if isinstance(row, t.Task):
                if listener and self._look_every is not None:
                    listener.look(row)
                return row
        return None

    async def _take_back(self, name: str, reason: str, error: MeshError) -> t.Task:
        """Let nobody start it any more, then say what is known: the row if it ended meanwhile,
        else ``error``, or that nobody had it. Before the cancel is answered somebody may still
        begin it."""
        ended = await self._end(name, reason)
        row = await self._look(name, LAST_LOOK)
        if row is not None and row.state in t.TERMINAL and not (ended and row.state == "canceled"):
            return row
        if not ended:
            self._cancel_later(name)
        elif row is not None and row.state == "canceled" and not row.deliveries:
            raise not_fetched(error.agent or "")
        raise error

    async def _end(self, name: str, reason: str) -> bool:
        """Cancel a task; whether that ended it."""
        with contextlib.suppress(MeshError):
            done = await self._registry.verb("tasks.cancel", t.Cancel(name, reason), LAST_LOOK)
            return bool(done.state == "canceled" and not done.duplicate)
        return False

    def _cancel_later(self, name: str) -> None:
        async def cancel() -> None:
            with contextlib.suppress(MeshError):
                for pause in (*LATER, 0.0):
                    try:
                        await self._registry.verb("tasks.cancel", t.Cancel(name, "the caller left"))
                        return
                    except NotFound:
                        if not pause:
                            return
                    await self._pauses.sleep(pause)

        self._background.spawn(cancel())

    async def watch(self, name: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """Pushes about one task until it is terminal, or DeadlineExceeded after ``timeout``."""
        deadline = self._world.monotonic() + timeout
        queue: asyncio.Queue[msgspec.Struct] = asyncio.Queue(WATCHED)
        self._watched.setdefault(name, set()).add(queue)
        try:
            row = await self._subscribed(name, timeout)
            while row is None or row.state not in t.TERMINAL:
                push = await self._next(queue, deadline)
                if isinstance(push, TaskDone):
                    yield push
                    return
                if push is not None:
                    yield push
                    continue
                row = await self._look(name)
            yield TaskDone(task=row)
        finally:
            self._watched[name].discard(queue)
            if not self._watched[name]:
                del self._watched[name]
                self._unsubscribed.discard(name)

    async def _subscribed(self, name: str, timeout: float) -> t.Task | None:
        """The row, with pushes from now on. The registry pushes about so many tasks to one login;
        others are looked at from time to time."""
        try:
            row = await self._registry.verb("tasks.watch", t.Watch(name), min(10.0, timeout))
        except Overloaded:
            return await self._look(name)
        return row if isinstance(row, t.Task) else None

    async def _next(
        self, queue: asyncio.Queue[msgspec.Struct], deadline: float
    ) -> msgspec.Struct | None:
        self._check()
        left = deadline - self._world.monotonic()
        if left <= 0:
            raise DeadlineExceeded("The task did not end in the time given to watch it.")
        if not queue.empty():
            return queue.get_nowait()
        getter = asyncio.ensure_future(queue.get())
        await self._pauses.until(getter, min(max(WATCH_POLL, len(self._watched) / POLLS), left))
        return None if getter.cancelled() else getter.result()

    def end(self, error: MeshError) -> None:
        """End each wait with ``error``, now and from now on."""
        self._over = error
        for waiter in self._waiting.values():
            waiter.cancel()  # it expects another, and hears
        self._pauses.end()

    def _check(self) -> None:
        if self._over is not None:
            raise route.copy(self._over)

    async def stop(self) -> None:
        """Let what runs in the background have its last words, and end it."""
        await self._background.stop(LAST_WORDS)


async def stranded(verb: Callable[..., Awaitable[Any]], outgoing: Outgoing, row: t.Task) -> bool:
    """Whether the task of an idempotent call waits for an agent that lost it or is gone, while its
    asker has others to ask. ``verb``: asks the registry."""
    if not (outgoing.idempotent and outgoing.elsewhere) or row.state != "pending":
        return False
    if row.deliveries:
        return True
    try:
        agent = await verb("agents.get", AgentRef(outgoing.target))
    except NotFound:
        return True
    except MeshError:
        return False
    return bool(agent.health != "active")


def left_behind(agent: AgentId) -> Unreachable:
    """What a call ends with whose task was given to ``agent`` and came back."""
    text = f"{agent} was given the work and did not end it."
    return Unreachable(text, agent=agent, via=VIA, outcome="unknown")


def _no_queue(error: MeshError, agent: str) -> MeshError:
    copy = route.copy(error)
    copy.agent, copy.via = copy.agent or agent, copy.via or "queue"
    return copy
