"""How a task, or an attempt at it, is ended by a request: completed, failed, given back, canceled.

Every function runs in the writer's transaction.
"""

from __future__ import annotations

import msgspec

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.errors import Denied, WireError
from chatixia.wire import tasks as t

from .leases import fence_number, find, holds
from .memory import WriterMemory
from .repeats import DAY, RETENTION, remember
from .task_rows import StoredTask
from .transition import change
from .tx import Transaction


def first_answer(tx: Transaction, row: StoredTask, principal: str, fence: int) -> t.Ended | None:
    """What ``complete`` or ``fail`` under this fence was answered before, if it was."""
    if row.fence == fence and core.is_terminal(row.state) and row.worker == principal:
        return t.Ended(row.id, row.state, duplicate=True)
    if fence < row.fence:
        earlier = tx.one("remembered", (_end_scope(row, principal, fence),))
        if earlier is not None:
            return t.Ended(row.id, earlier[1].decode(), duplicate=True)
    return None


def _end_scope(row: StoredTask, principal: str, fence: int) -> bytes:
    return core.scope(row.ns, principal, "tasks.end", f"{row.id}/{fence}")


def complete(
    tx: Transaction, memory: WriterMemory, principal: Principal, id: str, fence: str, result: bytes
) -> t.Ended:
    """End a held task with its result. Raises NotFound, StaleFence, Cancelled."""
    row = find(tx, memory, principal.ns, id)
    n = fence_number(tx, fence)
    if (earlier := first_answer(tx, row, principal.id, n)) is not None:
        return earlier
    if not holds(row, principal.id, n):
        raise core.refusal(row.state, "complete")
    state = change(tx, memory, row, core.RetryDecision("complete"), result, taken_up=True)
    return t.Ended(id, state)


def fail(
    tx: Transaction,
    memory: WriterMemory,
    principal: Principal,
    id: str,
    fence: str,
    error: WireError,
    jitter: float,
) -> t.Ended:
    """End an attempt with an error: tried again, rejected or failed. Raises as ``complete``."""
    row = find(tx, memory, principal.ns, id)
    n = fence_number(tx, fence)
    if (earlier := first_answer(tx, row, principal.id, n)) is not None:
        return earlier
    if not holds(row, principal.id, n):
        raise core.refusal(row.state, "fail")
    tries = row.tries()._replace(attempt=row.attempt + 1 - row.started, started=True)
    verdict = core.after_failure(tries, error, tx.now, jitter)
    state = change(tx, memory, row, verdict, taken_up=True)
    if not core.is_terminal(state):
        # The row moves on to other fences; what this one was told must stay.
        expires = row.deadline + RETENTION + 2 * DAY
        remember(tx, memory, principal, _end_scope(row, principal.id, n), state.encode(), expires)
    return t.Ended(id, state)


def release(
    tx: Transaction, memory: WriterMemory, principal: Principal, id: str, fence: str
) -> t.Ended:
    """Give a held task back without an attempt counted. Raises as ``complete``."""
    row = find(tx, memory, principal.ns, id)
    n = fence_number(tx, fence)
    if not holds(row, principal.id, n):
        raise core.refusal(row.state, "return")
    return t.Ended(id, change(tx, memory, row, core.after_return(row.tries(), tx.now)))


def cancel(
    tx: Transaction, memory: WriterMemory, principal: Principal, id: str, reason: str = ""
) -> t.Ended:
    """End a task, held or not; a ``reason`` becomes its error's sentence.

    Raises NotFound, Denied, Conflict (it ended otherwise).
    """
    row = find(tx, memory, principal.ns, id)
    if not core.may_end(principal, row.concern()):
        raise Denied("Only its submitter, an owner or an operator may cancel a task.")
    if row.state == "canceled":
        return t.Ended(id, "canceled", duplicate=True)
    return t.Ended(id, change(tx, memory, row, core.cancelled(reason)))


def update(
    tx: Transaction, memory: WriterMemory, principal: Principal, request: t.Update, jitter: float
) -> None:
    """The described report of a key-less worker: counts only from the holder.

    Without a fence the holder's present one is meant. Raises as ``complete``, and Denied.
    """
    row = find(tx, memory, principal.ns, request.task_id)
    if row.worker != principal.id:
        raise Denied("Only the agent that holds the task may report on it.")
    fence = request.fence or core.fence_text(tx.generation, row.fence)
    if request.state == "completed":
        plain = b"null" if request.result is msgspec.UNSET else bytes(request.result)
        complete(tx, memory, principal, row.id, fence, plain)
    else:
        text = b"" if request.error is msgspec.UNSET else bytes(request.error)
        fail(tx, memory, principal, row.id, fence, described_error(text), jitter)


def described_error(text: bytes) -> WireError:
    """A described error (a string, or any JSON) as ours."""
    try:
        request = msgspec.json.decode(text) if text else ""
    except msgspec.DecodeError:
        request = ""
    sentence = request[:1024] if isinstance(request, str) else ""
    return WireError("skill_failed", sentence or "The skill failed.")
