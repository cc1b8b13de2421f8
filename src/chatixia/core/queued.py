"""A call as a task of the queue: how it is submitted, and what its end means to its asker. Pure.

Whoever asks, over a link or with an API key alone, and whoever awaits a task decides by these: one
row is one error everywhere.
"""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.errors import (
    TABLE,
    DeadlineExceeded,
    Expired,
    MeshError,
    SkillFailed,
    Unreachable,
    from_wire,
)
from chatixia.wire.base import encode
from chatixia.wire.tasks import MAX_TTL_MS, Submit, Task

from .ports import Outgoing

VIA: Final = "queue, plain"
ATTEMPTS: Final = 3
"""How often an idempotent call may be begun."""


def submission(outgoing: Outgoing, task_id: str, key: str, seconds: float) -> Submit:
    """The task that carries a call, under ``key``, which has ``seconds`` left."""
    return Submit(
        id=task_id,
        skill=outgoing.skill,
        target_agent_id=outgoing.target,
        payload=msgspec.Raw(encode({"plain": msgspec.Raw(outgoing.body)})),
        key=key,
        deadline_ms=min(max(1, int(1000 * seconds)), MAX_TTL_MS),
        path=list(outgoing.path),
        traceparent=outgoing.traceparent,
        idempotent=outgoing.idempotent,
        max_attempts=ATTEMPTS if outgoing.idempotent else 1,
    )


def task_value(row: Task) -> bytes:
    """The JSON bytes that a completed task ended with."""
    body = row.result.plain if row.result is not None else None
    return bytes(body) if isinstance(body, msgspec.Raw) else b"null"


def task_error(row: Task) -> MeshError:
    """The error that a task ended with; by its state, where the row says no more."""
    if row.error is None:
        error = TABLE.get(row.state, SkillFailed)(f"The task {row.id} is {row.state}.")
    else:
        error = from_wire(row.error)
    error.via = error.via or VIA
    error.agent = error.agent or row.assigned_agent_id or row.target_agent_id or None
    return error


def call_error(row: Task) -> MeshError:
    """The same for a call that took the queue: one whose time is over says so as a call does."""
    error = task_error(row)
    if not isinstance(error, Expired):
        return error
    if not row.deliveries:
        return not_fetched(error.agent or "")
    return DeadlineExceeded(agent=error.agent, via=VIA)


def not_fetched(agent: str) -> Unreachable:
    """What a call ends with whose task nobody ever had."""
    text = f"{agent} did not come for the work before the deadline."
    return Unreachable(text, agent=agent, via=VIA)
