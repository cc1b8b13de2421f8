"""The described task routes: the same rows, in the form that the described contract has.

Bare payload and result, an error that is a sentence, all twelve fields always. Our own fields
follow where they matter; the whole of a task is at our own routes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from chatixia.core.ports import Principal
from chatixia.errors import TABLE as ERRORS
from chatixia.registry.call import Handler, RequestContext
from chatixia.store.control.store import Store
from chatixia.wire import tasks as t
from chatixia.wire.base import NULL

from . import checks
from .metadata import visible
from .service import TaskService

NOTHING: Final = msgspec.Raw(b'""')
"""The described empty result."""
STATES: Final[dict[str, t.State]] = {
    "canceled": "failed",
    "rejected": "failed",
    "input_required": "assigned",
}
"""Our states as the described four: a described client waits for ``completed`` or ``failed``."""


class CompatTaskVerbs:
    """Verbs ``tasks.*.described``, and what the described heartbeat is given."""

    def __init__(self, tasks: TaskService, store: Store) -> None:
        self._tasks, self._store = tasks, store
        self.handlers: dict[str, Handler] = {
            "tasks.list.described": self.all,
            "tasks.get.described": self.get,
        }

    async def get(self, call: RequestContext, ref: t.Ref) -> t.DescribedTask:
        """One task. Raises NotFound, Denied."""
        return shown(await self._tasks.get(call.caller, ref))

    async def all(self, call: RequestContext, query: t.QueryAll) -> list[t.DescribedTask]:
        """Newest first, each whole; ``call.more`` is set when one answer does not hold them."""
        checks.page(query)
        everything = call.caller.kind in ("owner", "person")
        tasks, call.more = await self._store.tasks.whole(
            call.caller, query, everything, t.MAX_LISTED_BYTES
        )
        return [shown(visible(task, call.caller)) for task in tasks]

    async def grant(self, principal: Principal, skills: Iterable[str]) -> list[t.DescribedTask]:
        """Renew what the agent holds, and give it more."""
        return [shown(task) for task in await self._tasks.claim_by_poll(principal, skills)]


def shown(task: t.Task) -> t.DescribedTask:
    """A whole task in the described form."""
    error = task.error
    return t.DescribedTask(
        task.id,
        task.skill,
        task.target_agent_id,
        task.source_agent_id,
        task.assigned_agent_id,
        _bare(task.payload, NULL),
        STATES.get(task.state, task.state),
        _bare(task.result, NOTHING),
        _sentence(task),
        task.created_at,
        task.updated_at,
        math.ceil(task.ttl),
        error.code if error else _CODES.get(task.state, ""),
        task.attempt,
        task.fence,
        task.deadline_ms,
        task.path,
        task.traceparent,
    )


_CODES: Final = {"canceled": "canceled", "rejected": "rejected"}


def _sentence(task: t.Task) -> str:
    if task.error is not None:
        return task.error.message or task.error.code
    code = _CODES.get(task.state)
    return ERRORS[code].sentence if code else ""


def _bare(body: t.Body | None, nothing: msgspec.Raw) -> msgspec.Raw:
    """What a body holds; the described result is a text, so ``null`` is none."""
    plain = body.plain if body is not None else msgspec.UNSET
    if plain is msgspec.UNSET or bytes(plain) == b"null":
        return nothing
    return plain
