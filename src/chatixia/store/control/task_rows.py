"""A task's row, and what the writer tells about it after the commit."""

from __future__ import annotations

import copy
from typing import Final, NamedTuple

import msgspec

from chatixia.core import task as core
from chatixia.errors import WireError
from chatixia.wire import tasks as t


class StoredTask(msgspec.Struct):
    """A task's row without its bodies: the columns that ``{row}`` stands for, in their order.

    The defaults are those of a new task, whose number ``n`` the database draws.
    """

    n: int = 0
    id: str = ""
    ns: str = ""
    state: t.State = "pending"
    skill: str = ""
    target: str = ""
    source: str = ""
    machine: str = ""
    worker: str = ""
    incarnation: str = ""
    queue: str = ""
    priority: int = 0
    turn: int = 0
    ready: int = 1
    attempt: int = 0
    max_attempts: int = 0
    deliveries: int = 0
    started: int = 0
    fence: int = 0
    created: float = 0.0
    updated: float = 0.0
    run_after: float = 0.0
    deadline: float = 0.0
    lease: float = 0.0
    ttl: float = 0.0
    idempotent: int = 0
    path: str = ""
    traceparent: str = ""
    size: int = 0
    error: bytes | None = None
    scope: bytes = b""
    holder: str = ""
    retry_of: str = ""

    def concern(self) -> core.TaskParties:
        """Whom the task concerns."""
        return core.TaskParties(self.ns, self.source, self.machine, self.target, self.worker)

    def tries(self) -> core.AttemptCounts:
        """How often it was tried."""
        return core.AttemptCounts(
            self.attempt, self.max_attempts, self.deliveries, bool(self.started), self.deadline
        )

    def due(self) -> float:
        """Store time at which something happens to the row by itself, while it lives."""
        if self.state == "assigned":
            until = self.lease if self.started else self.updated + core.UNSTARTED
            return min(until, self.deadline)
        return self.deadline if self.ready else min(self.run_after, self.deadline)

    def copy(self) -> StoredTask:
        """The same row, to be changed."""
        return copy.copy(self)


class TaskAssigned(NamedTuple):
    """Notice: a task was assigned. ``pushed``: by the registry, so it must be sent and started."""

    task: t.Task
    row: StoredTask
    attempt: int
    pushed: bool


class TaskChanged(NamedTuple):
    """Notice: a task took ``event``. ``row``: before; ``task``: after, without its payload."""

    row: StoredTask
    event: core.Event
    task: t.Task


class TaskSubmitted(NamedTuple):
    """Notice: a new task, for those who follow the events."""

    id: str


Notice = TaskAssigned | TaskChanged | TaskSubmitted
_path: Final = msgspec.json.Decoder(list[str])
_error: Final = msgspec.json.Decoder(WireError)


def to_task(
    row: StoredTask,
    generation: int,
    now: float,
    payload: bytes | None = None,
    result: bytes | None = None,
) -> t.Task:
    """The row as the API shows it at store time ``now``."""
    return t.Task(
        id=row.id,
        state=row.state,
        skill=row.skill,
        target_agent_id=row.target,
        source_agent_id=row.source,
        assigned_agent_id=row.worker,
        payload=body(payload),
        result=None if result is None else body(result),
        error=None if row.error is None else _error.decode(row.error),
        priority=row.priority,
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        deliveries=row.deliveries,
        fence=core.fence_text(generation, row.fence) if row.fence else "",
        created_at=row.created,
        updated_at=row.updated,
        run_after=row.run_after,
        deadline_ms=max(0, int((row.deadline - now) * 1000)),
        ttl=row.ttl,
        ns=row.ns,
        path=_path.decode(row.path) if row.path else [],
        traceparent=row.traceparent,
        idempotent=bool(row.idempotent),
        size=row.size,
        retry_of=row.retry_of,
    )


_EMPTY: Final = t.Body()


def body(plain: bytes | None) -> t.Body:
    """Stored bytes as a body."""
    return _EMPTY if plain is None else t.Body(plain=msgspec.Raw(plain))
