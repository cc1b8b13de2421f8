"""The durable task as the API shows it, and the bodies of the task verbs (tasks.md section 1)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from chatixia.errors import WireError

from .base import MIB, Count, Cursor, Fence, Id, Line, Name, Short, null

MAX_PAYLOAD: Final = MIB
TOO_LARGE: Final = (
    "The arguments are too large: a link carries at most 16 MiB, the queue and REST 1 MiB."
)
"""The one sentence of work above its bound, whichever door it came to."""
MAX_TTL_MS: Final = 30 * 24 * 3_600_000
DEFAULT_TTL_MS: Final = 300_000
LEASE_MS: Final = 30_000
UNSTARTED_MS: Final = 5_000
MAX_DELIVERIES: Final = 20

State = Literal[
    "pending", "assigned", "completed", "failed", "input_required", "canceled", "rejected"
]
STATES: Final[dict[str, str]] = {
    "pending": "waits for a worker (also during back-off)",
    "assigned": "leased to a worker",
    "completed": "done, with a result",
    "failed": "ended with an error",
    "input_required": "waits for an answer (reserved)",
    "canceled": "ended by its submitter or an operator",
    "rejected": "refused before it started",
}
TERMINAL: Final = frozenset({"completed", "failed", "canceled", "rejected"})

Millis = Annotated[int, msgspec.Meta(ge=0, le=MAX_TTL_MS)]
MAX_KEY: Final = 128
MAX_PRIORITY: Final = 100
MAX_ATTEMPTS: Final = 20
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY)]
Page = Annotated[int, msgspec.Meta(ge=1, le=200)]
MAX_LISTED: Final = 1000
"""Tasks or agents in one answer of a described list; a ``Link`` header leads to the rest."""
MAX_LISTED_BYTES: Final = 4 * MIB
"""Payloads and results in one answer of the described list."""


class Body(msgspec.Struct, omit_defaults=True, frozen=True):
    """A payload or result: ``{"plain": ...}``; ``sealed`` is reserved."""

    plain: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    sealed: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Task(msgspec.Struct, omit_defaults=True):
    """One task. Times are mesh time in seconds. ``via`` says ``queue, plain`` or ``queue, sealed``.

    The described names (``target_agent_id``, ``source_agent_id``, ``assigned_agent_id``) stand.
    """

    id: Short
    state: State
    skill: Short = ""
    target_agent_id: Id = ""
    source_agent_id: Id = ""
    assigned_agent_id: Id = ""
    payload: Body = Body()
    result: Body | None = None
    error: WireError | None = None
    priority: int = 0
    attempt: Count = 0
    max_attempts: Count = 3
    deliveries: Count = 0
    fence: Fence = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    run_after: float = 0.0
    deadline_ms: int = 0
    """Remaining milliseconds at the time of this answer."""
    ttl: float = 300.0
    progress: float | None = None
    note: Line = ""
    ns: Short = "default"
    path: list[Id] = []
    traceparent: Short = ""
    idempotent: bool = False
    sealed: bool = False
    size: Count = 0
    scope: Short = ""
    """For the worker of an idempotent task: its key, hashed with its scope (``core.task.scope``).
    A link may have brought it the same request under that key."""
    retry_of: Short = ""
    """The ended task that this one does again."""


class DescribedTask(msgspec.Struct, omit_defaults=True):
    """A task as the described routes show it: its twelve fields always, and ours when they matter.

    ``state`` is one of the described four. ``payload`` and ``result`` are the bare JSON (``""``
    while there is no result), ``error`` is a sentence, ``code`` ours for it, ``ttl`` whole seconds.
    :class:`Task` has everything.
    """

    id: Short
    skill: Short
    target_agent_id: Id
    source_agent_id: Id
    assigned_agent_id: Id
    payload: msgspec.Raw
    state: State
    result: msgspec.Raw
    error: Line
    created_at: float
    updated_at: float
    ttl: Count
    code: Short = ""
    attempt: Count = 0
    fence: Fence = ""
    deadline_ms: int = 0
    path: list[Id] = []
    traceparent: Short = ""


class Submit(msgspec.Struct, omit_defaults=True):
    """``tasks.submit``. ``id`` is made by the submitter; ``key`` is its idempotency key.

    A target, a skill, or both. ``ttl`` is the described name of the deadline, in seconds.
    """

    id: Short = ""
    skill: Short = ""
    target_agent_id: Id = ""
    source_agent_id: Id = ""
    payload: msgspec.Raw = msgspec.field(default_factory=null)
    """``{"plain": ...}`` from our clients; any other JSON (described form) counts as plain."""
    key: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] = ""
    deadline_ms: Millis | None = None
    ttl: Annotated[float, msgspec.Meta(gt=0, le=MAX_TTL_MS / 1000)] | None = None
    priority: Annotated[int, msgspec.Meta(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=MAX_ATTEMPTS)] = 3
    path: Annotated[list[Id], msgspec.Meta(max_length=9)] = []
    traceparent: Short = ""
    idempotent: bool = False
    digest: Short = ""
    """Client-made HMAC of the plaintext, for equality under one key (used when sealed)."""
    ns: Short = "default"
    retry_of: Short = ""
    """The ended task that this one does again: shown with it, and nothing else."""


class Submitted(msgspec.Struct, omit_defaults=True):
    """Reply of ``tasks.submit``, after the fsync. ``duplicate``: the key was known. ``task``: as it
    stands after the ``wait`` that a REST client asked for."""

    task_id: Short
    state: State = "pending"
    duplicate: bool = False
    task: Task | None = None


class Claim(msgspec.Struct, omit_defaults=True):
    """``tasks.claim``: up to ``limit`` tasks; ``claim_id`` repeats the same grant."""

    claim_id: Key
    limit: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    skills: Annotated[list[Short], msgspec.Meta(max_length=256)] = []


class Grant(msgspec.Struct, omit_defaults=True):
    """A task, its lease in milliseconds from now, and the fence that guards its completion."""

    task: Task
    lease_ms: Count
    fence: Fence
    attempt: Count


class Grants(msgspec.Struct):
    """Reply of ``tasks.claim``."""

    grants: list[Grant]


class Held(msgspec.Struct, omit_defaults=True):
    """``tasks.started``, ``tasks.release``: a task under its fence."""

    task_id: Short
    fence: Fence


class Renew(msgspec.Struct, omit_defaults=True):
    """``tasks.renew``: all leases of one worker process."""

    leases: Annotated[list[Held], msgspec.Meta(max_length=256)]


class Renewal(msgspec.Struct, omit_defaults=True):
    """One renewed lease, or why not (``code``)."""

    task_id: Short
    lease_ms: Count = 0
    code: Short = ""


class Renewed(msgspec.Struct):
    """Reply of ``tasks.renew``, in the order asked."""

    leases: list[Renewal]


class Complete(msgspec.Struct, omit_defaults=True):
    """``tasks.complete``: the result under the fence."""

    task_id: Short
    fence: Fence
    result: Body = Body()


class Fail(msgspec.Struct, omit_defaults=True):
    """``tasks.fail``: an error under the fence; retried with back-off if retryable."""

    task_id: Short
    fence: Fence
    error: WireError


class Report(msgspec.Struct, omit_defaults=True):
    """``tasks.progress``: a fraction, a note, or partial output number ``n``.

    ``event``: a ``wire.events.AgentEvent`` instead of output, of which ``item`` has none then.
    """

    task_id: Short
    fence: Fence
    n: Count
    fraction: float | None = None
    note: Line = ""
    item: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Ref(msgspec.Struct, omit_defaults=True):
    """One task by id."""

    task_id: Short


class Cancel(msgspec.Struct, omit_defaults=True):
    """``tasks.cancel``: terminal at once."""

    task_id: Short
    reason: Line = ""


class Ended(msgspec.Struct, omit_defaults=True):
    """The state a change led to; the same again for the same change."""

    task_id: Short
    state: State
    duplicate: bool = False


class Query(msgspec.Struct, omit_defaults=True):
    """``tasks.list``: newest first, filtered, paged. ``id``: only those whose id begins so."""

    state: Short = ""
    skill: Short = ""
    agent: Id = ""
    cursor: Cursor = ""
    limit: Page = 50
    id: Short = ""


class QueryAll(Query, omit_defaults=True):
    """The described list: newest first, filtered, as many as one answer holds."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LISTED)] = MAX_LISTED


class Tasks(msgspec.Struct, omit_defaults=True):
    """A page of tasks; ``next`` is empty on the last one; ``cursor`` is this snapshot's."""

    tasks: list[Task]
    next: Cursor = ""
    cursor: Cursor = ""
    counts: dict[str, int] = {}


class Watch(msgspec.Struct, omit_defaults=True):
    """``tasks.watch``: the row now; its changes are pushed to this socket until it is terminal."""

    task_id: Short
    progress: bool = True


class Update(msgspec.Struct, omit_defaults=True):
    """The described ``POST /api/hub/tasks/{id}``: counts only from the holder."""

    state: Name
    task_id: Short = ""
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    fence: Fence = ""
