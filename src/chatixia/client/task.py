"""A durable task: ``task = await mesh.submit(...)``, ``value = await task``; also after a restart,
by ``mesh.task(task_id)``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from typing import Any, Final

import msgspec

from chatixia.core.ports import MeshPort
from chatixia.core.queued import VIA, task_error, task_value
from chatixia.errors import (
    DeadlineExceeded,
    MeshError,
    Overloaded,
)
from chatixia.ids import TaskId
from chatixia.wire.events import unpack
from chatixia.wire.signaling import TaskDone, TaskHint, TaskProgress
from chatixia.wire.tasks import TERMINAL, Cancel, Ended, Ref, State
from chatixia.wire.tasks import Task as Row

from .call_context import CallContext
from .progress import Progress
from .queued_values import unpacked
from .reply import Reply
from .value import decode

LOOK_AGAIN_S: Final = 15.0
"""A row is read at least this often, whatever was pushed: notifications are hints."""
PATIENCE_S: Final = 60.0
"""How long after its deadline, or its last sign, a task is waited for without a registry."""
LOOK_S: Final = 10.0
"""How long one look at a row may take."""
SOON_S: Final = 0.5
"""What one look has at least, also when the time to wait is over before it."""
UNWATCHED_S: Final = 0.2
"""How long a watch that broke is given before the row is read again."""


TaskRow = Row
"""A task as the registry has it: what :meth:`Task.row` returns."""


class Task:
    """One task. ``await task`` is its value, or raises what it failed with."""

    def __init__(self, context: CallContext, task_id: TaskId) -> None:
        self._context = context
        self.id = task_id

    def __repr__(self) -> str:
        return f"<task {self.id}>"

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value().__await__()

    async def _value(self) -> Any:
        return (await self.reply()).value

    async def row(self, timeout: float = 10.0) -> Row:
        """The task as the registry has it now. Raises NotFound, Denied, Unreachable.

        Reading does nothing: a failure of it is definite, whatever becomes of the task.
        """
        try:
            return await self._row(self._context.port, timeout)
        except MeshError as error:
            error.outcome, error.by_call = "definite", True
            raise

    async def state(self) -> State:
        """Its state now: a key of ``wire.tasks.STATES``."""
        return (await self.row()).state

    async def cancel(self, reason: str = "") -> State:
        """Cancel it, at once and for good; the state it is in then."""
        ended: Ended = await self._context.verb("tasks.cancel", Cancel(self.id, reason))
        return ended.state

    async def reply(self, timeout: float | None = None) -> Reply:
        """Wait for the end: its value, who did it, and how long it took.

        ``timeout`` in seconds ends the waiting, not the task. Raises DeadlineExceeded then, else
        the task's own error. Waiting that fails otherwise has the outcome unknown: the task goes
        on.
        """
        row = await self.ended(timeout)
        if row.state != "completed":
            error = task_error(row)
            error.by_call = True
            raise error
        value = unpacked(task_value(row))
        return Reply(value, VIA, _took(row), row.assigned_agent_id)

    async def ended(self, timeout: float | None = None) -> Row:
        """Wait until it is terminal; its final row. Raises DeadlineExceeded after ``timeout``."""
        async for push in self._pushes(timeout):
            if isinstance(push, Row):
                return push
        raise AssertionError("the pushes end with the row")

    async def progress(self, timeout: float | None = None) -> AsyncGenerator[Progress, None]:
        """What the worker tells of it, until it ends."""
        async for push in self._pushes(timeout):
            if isinstance(push, TaskProgress):
                yield _step(push)

    async def _pushes(self, timeout: float | None) -> AsyncIterator[Row | TaskProgress]:
        """What is pushed about it; the last is its final row."""
        try:
            async for push in self._waited(timeout):
                yield push
        except MeshError as error:
            error.outcome = "unknown"  # it is the waiting that failed, not the work
            raise

    async def _waited(self, timeout: float | None) -> AsyncIterator[Row | TaskProgress]:
        """The row is the truth: it is read first, and again whenever pushes stop."""
        world, port = (
            self._context.world,
            self._context.port,
        )  # a mesh that closes ends what goes on
        until = None if timeout is None else world.monotonic() + timeout
        newest = _Newest()
        while True:
            row = await self._read(port, until)
            if row.state in TERMINAL:
                yield row
                return
            left = LOOK_AGAIN_S if until is None else min(LOOK_AGAIN_S, until - world.monotonic())
            if left <= 0:
                raise DeadlineExceeded(f"The task {self.id} has not ended yet; it goes on.")
            async for push in self._watch(port, left):
                if not newest.repeats(push):
                    yield push
                if isinstance(push, Row):
                    return

    async def _watch(self, port: MeshPort, seconds: float) -> AsyncIterator[Row | TaskProgress]:
        try:
            async for push in port.watch(self.id, seconds):
                if isinstance(push, TaskDone):
                    yield push.task
                    return
                if isinstance(push, TaskHint) and push.state in TERMINAL:
                    return
                if isinstance(push, TaskProgress):
                    yield push
        except MeshError as error:
            if not _passes(error):
                raise
            # The row is read again, with patience.
            await self._context.pause(min(UNWATCHED_S, seconds))

    async def _row(self, port: MeshPort, timeout: float = 10.0) -> Row:
        row: Row = await port.verb("tasks.get", Ref(self.id), timeout)
        return row

    async def _read(self, port: MeshPort, until: float | None) -> Row:
        """The row, waiting for a registry that is away for as long as the caller may, and for a
        turn without end: how many look at once is our own bound."""
        world = self._context.world
        give_up = world.monotonic() + PATIENCE_S
        give_up = give_up if until is None else min(give_up, until)
        pause = 0.1
        while True:
            try:
                left = LOOK_S if until is None else until - world.monotonic()
                return await self._row(port, min(LOOK_S, max(left, SOON_S)))
            except MeshError as error:
                bound = until if _is_local(error) else give_up
                if not _passes(error) or (bound and world.monotonic() + pause > bound):
                    raise
            await self._context.pause(pause)
            pause = min(2.0, pause * 2)


def _passes(error: MeshError) -> bool:
    """Whether a look that failed so may succeed a little later."""
    return error.retryable or isinstance(error, DeadlineExceeded)


def _is_local(error: MeshError) -> bool:
    """Whether it is only that many look at once: refused, or never sent in its time."""
    late = isinstance(error, DeadlineExceeded) and error.outcome == "definite"
    return late or isinstance(error, Overloaded)


def _took(row: Row) -> float:
    return max(0.0, row.updated_at - row.created_at) * 1000


def _step(push: TaskProgress) -> Progress:
    if isinstance(push.event, msgspec.Raw):
        return Progress(push.fraction, push.note, event=unpack(bytes(push.event)))
    item = decode(bytes(push.item)) if isinstance(push.item, msgspec.Raw) else None
    return Progress(push.fraction, push.note, item)


class _Newest:
    """The last progress that was passed on: each watch that begins repeats it all."""

    def __init__(self) -> None:
        self._fence, self._n = "", -1

    def repeats(self, push: Row | TaskProgress) -> bool:
        """Whether it was passed on before."""
        if not isinstance(push, TaskProgress):
            return False
        if push.fence == self._fence and push.n <= self._n:
            return True
        self._fence, self._n = push.fence, push.n
        return False
