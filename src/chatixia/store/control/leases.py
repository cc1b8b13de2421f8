"""Tasks in a worker's hands: who holds which under what fence, taken up, renewed, and lost.

Every function runs in the writer's transaction.
"""

from __future__ import annotations

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.errors import NotFound, StaleFence
from chatixia.wire import tasks as t

from .memory import WriterMemory
from .task_rows import StoredTask
from .transition import change
from .tx import Transaction


def find(tx: Transaction, memory: WriterMemory, ns: str, id: str) -> StoredTask:
    """The row of a task in that namespace, or NotFound."""
    row = memory.rows.get(tx, id)
    if row is None or row.ns != ns:
        raise NotFound(f"There is no task {id}.")
    return row


def fence_number(tx: Transaction, fence: str) -> int:
    """The low part of a fence of this store's generation; an older one is stale."""
    generation, n = core.fence_key(fence)
    if generation != tx.generation:
        raise StaleFence
    return n


def holds(row: StoredTask, principal: str, fence: int) -> bool:
    """Whether ``principal`` holds the task under that fence."""
    return row.state == "assigned" and row.fence == fence and row.worker == principal


def started(
    tx: Transaction, memory: WriterMemory, principal: Principal, id: str, fence: str
) -> None:
    """Note that the holder took the task up, while there is time. Raises as ``complete``."""
    row = find(tx, memory, principal.ns, id)
    n = fence_number(tx, fence)
    if not holds(row, principal.id, n) or row.deadline <= tx.now:
        raise core.refusal(row.state, "start")
    mark_started(tx, memory, [(id, n)])


def mark_started(tx: Transaction, memory: WriterMemory, marks: list[tuple[str, int]]) -> None:
    """Write marks that were taken in memory; those that do not hold any more are nothing."""
    for id, fence in marks:
        row = memory.rows.get(tx, id)
        if row is not None and row.fence == fence and not row.started:
            tx.run("start", (id, fence))
            memory.rows.drop(row)


def renew(
    tx: Transaction, memory: WriterMemory, principal: Principal, leases: list[t.Held]
) -> t.Renewed:
    """Extend each lease that is held under its fence; the others say why not."""
    return t.Renewed([_renew(tx, memory, principal, request) for request in leases])


def _renew(
    tx: Transaction, memory: WriterMemory, principal: Principal, request: t.Held
) -> t.Renewal:
    generation, n = core.fence_key(request.fence)
    row = memory.rows.get(tx, request.task_id)
    if row is None or row.ns != principal.ns:
        return t.Renewal(request.task_id, code="not_found")
    if generation != tx.generation or not holds(row, principal.id, n):
        return t.Renewal(request.task_id, code=core.refusal(row.state, "start").code)
    lease = core.lease(principal.kind, memory.lease)
    tx.run(
        "renew",
        {
            "id": row.id,
            "worker": principal.id,
            "ns": principal.ns,
            "fence": n,
            "lease": tx.now + lease,
        },
    )
    memory.rows.drop(row)
    return t.Renewal(request.task_id, int(lease * 1000))


def end_leases(
    tx: Transaction,
    memory: WriterMemory,
    worker: str,
    incarnation: str,
    marks: list[tuple[str, int]],
    jitter: float,
    clean: bool = False,
) -> int:
    """The process is gone: end what it holds, ``marks`` written first. Gives how many tasks.

    ``clean``: it said goodbye, and so what it has begun; else it may have begun all it was sent.
    """
    judge = core.after_loss if clean else core.after_departure
    mark_started(tx, memory, marks)
    ended = 0
    for columns in tx.all("held_by", {"worker": worker, "limit": 1024}):
        row = StoredTask(*columns)
        if row.incarnation == incarnation:
            verdict = judge(row.tries(), tx.now, jitter)
            change(tx, memory, row, verdict, taken_up=not clean)
            ended += 1
    return ended
