"""Who works: seats that take pushed tasks, leases that are held, processes that went away.

The rows are the truth; this is what the registry knows of them without asking, so that `started`
and progress cost no write. It is made again from the rows at start.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

import msgspec

from chatixia.core import task as core
from chatixia.errors import MeshError
from chatixia.ids import AgentId
from chatixia.store.control.grants import WorkerSeat
from chatixia.store.control.store import Store
from chatixia.store.control.task_rows import StoredTask, TaskAssigned, TaskChanged
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskHint, TaskPush

from .ports import PushPort, WorkerLogin

LOST: Final = frozenset({"expire", "cancel", "exhaust", "lose", "return"})
"""Events after which the holder must be told to stop."""
MOST_SILENT: Final = 4096
"""Processes that fell silent and are remembered until their name logs in again."""
Spawn = Callable[[Coroutine[Any, Any, Any]], object]


class WorkerLease(msgspec.Struct):
    """A task in a worker's hands."""

    fence: str
    worker: str
    incarnation: str
    ns: str
    started: bool
    deadline: float


class LeaseTable:
    """The workers of one registry and what they hold."""

    def __init__(self, store: Store, pushes: PushPort, spawn: Spawn) -> None:
        self._store, self._pushes, self._spawn = store, pushes, spawn
        self.workers: dict[str, WorkerLogin] = {}
        self._leases: dict[str, WorkerLease] = {}
        # Given out before this registry started: the one before may have died before the push.
        self._unsure: dict[tuple[str, str], list[str]] = {}
        self._away: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._silent: OrderedDict[str, str] = OrderedDict()
        self._marks: dict[str, int] = {}
        self._poked = False

    def load(self, rows: Iterable[StoredTask]) -> None:
        """What was held when the store opened, each lease extended to a full one by the store."""
        for row in rows:
            self._hold(row, bool(row.started))
            self._unsure.setdefault((row.worker, row.incarnation), []).append(row.id)

    def _hold(self, row: StoredTask, started: bool) -> None:
        fence = core.fence_text(self._store.generation, row.fence)
        self._leases[row.id] = WorkerLease(
            fence, row.worker, row.incarnation, row.ns, started, row.deadline
        )

    def close(self) -> None:
        """End the timers."""
        for timer in self._away.values():
            timer.cancel()
        self._away.clear()

    # --- coming and going ---------------------------------------------------------------------

    def online(self, worker: WorkerLogin) -> None:
        """A login, or another number of slots or skills."""
        before = self.workers.get(worker.id)
        earlier = before.incarnation if before else self._silent.get(worker.id, "")
        self.workers[worker.id] = worker
        self._silent.pop(worker.id, None)
        self.returned(worker.id, worker.incarnation)
        if earlier != worker.incarnation:
            self._leave(worker.id, earlier)
        for task_id in self._unsure.pop((worker.id, worker.incarnation), ()):
            self._spawn(self._push_again(task_id, worker))
        self._seat()

    async def _push_again(self, task_id: str, worker: WorkerLogin) -> None:
        """Push what this very process was given before: one that has it takes no notice, and one
        that never got it would let it wait for its lease to end."""
        lease = self._leases.get(task_id)
        if lease is None or not worker.incarnation:
            return
        row, task = await self._store.tasks.get(lease.ns, task_id)
        if self._leases.get(task_id) is not lease:
            return  # after its end was answered a push would look like new work
        if row.idempotent:
            task.scope = row.scope.hex()
        push = TaskPush(task, t.LEASE_MS, lease.fence, row.attempt)
        self._pushes.push(AgentId(worker.id), push, worker.epoch)

    def offline(self, agent: AgentId, incarnation: str, clean: bool, silent: bool) -> None:
        """A socket closed: the same process has 5 s to return, one that said goodbye none.

        One that was silent keeps its leases for their full time: its loop may be blocked, and they
        are renewed from beside it.
        """
        worker = self.workers.get(agent)
        if worker is not None and worker.incarnation == incarnation:
            del self.workers[agent]
            self._seat()
        if clean:
            self._spawn(self._end(agent, incarnation, clean=True))
        elif silent:
            self._silent[agent] = incarnation
            if len(self._silent) > MOST_SILENT:
                self._silent.popitem(last=False)
        else:
            self._leave(agent, incarnation)

    def _leave(self, agent: AgentId, incarnation: str) -> None:
        key = (agent, incarnation)
        if key not in self._away and incarnation:
            loop = asyncio.get_running_loop()
            self._away[key] = loop.call_later(core.UNSTARTED, self.lost, agent, incarnation)

    def lost(self, agent: AgentId, incarnation: str) -> None:
        """It did not return in time: what it was sent counts as begun."""
        self._spawn(self._end_lost((agent, incarnation)))

    async def _end_lost(self, process: tuple[AgentId, str]) -> None:
        """It counts as away until its end is written, so that no sweep comes before."""
        timer = self._away.get(process)
        try:
            await self._end(*process, clean=False)
        finally:
            if timer is not None and self._away.get(process) is timer:
                del self._away[process]

    async def _end(self, agent: AgentId, incarnation: str, clean: bool) -> None:
        marks = self.take_marks()
        try:
            await self._store.leases.end(agent, incarnation, marks, clean)
        except MeshError:
            self.put_back(marks)
            raise

    def away(self) -> Iterable[tuple[str, str]]:
        """Processes (worker, incarnation) whose socket closed and whose leases did not end yet."""
        return self._away

    def returned(self, agent: str, incarnation: str) -> None:
        """That process is there: its leases stay."""
        timer = self._away.pop((agent, incarnation), None)
        if timer is not None:
            timer.cancel()

    def _seat(self) -> None:
        """Tell the store who takes work, and let an empty group deal it out: once a loop turn."""
        self._store.leases.seats(
            WorkerSeat(w.id, w.ns, w.incarnation, w.slots, w.skills)
            for w in self.workers.values()
            if w.slots > 0
        )
        if not self._poked:
            self._poked = True
            self._spawn(self._poke())

    async def _poke(self) -> None:
        self._poked = False
        await self._store.leases.poke()

    # --- what the store reports ------------------------------------------------------------------

    def assigned(self, notice: TaskAssigned) -> None:
        """A task was assigned: push it, if that is how the worker gets it."""
        row = notice.row
        self._hold(row, not notice.pushed)
        if notice.pushed:
            lease_ms = int(1000 * (row.lease - row.updated))
            push = TaskPush(notice.task, lease_ms, notice.task.fence, notice.attempt)
            worker = self.workers.get(row.worker)
            epoch = worker.epoch if worker and worker.incarnation == row.incarnation else ""
            self._pushes.push(AgentId(row.worker), push, epoch)

    def changed(self, notice: TaskChanged) -> None:
        """A task changed: its lease is over; a holder that did not ask for it is told to stop."""
        lease = self._leases.pop(notice.row.id, None)
        self._marks.pop(notice.row.id, None)
        if lease is not None and notice.event in LOST:
            reason = notice.task.error.message if notice.task.error is not None else ""
            hint = TaskHint(notice.row.id, notice.task.state, lease.fence, reason)
            self._pushes.push(AgentId(lease.worker), hint)

    # --- what workers say ---------------------------------------------------------------------

    def holds(self, agent: str, ns: str, task_id: str, fence: str) -> bool:
        """Whether that lease is known to be held; False leaves it to the rows."""
        lease = self._leases.get(task_id)
        if lease is None or (lease.worker, lease.ns, lease.fence) != (agent, ns, fence):
            return False
        return self._store.now() < lease.deadline

    def started(self, task_id: str) -> None:
        """The holder took it up. Written with the next sweep, unless it ends before."""
        lease = self._leases[task_id]
        if not lease.started:
            lease.started = True
            self._marks[task_id] = core.fence_key(lease.fence)[1]

    def renewed(self, agent: str, reply: t.Renewed) -> None:
        """A renewal counts as the process's return."""
        for renewal in reply.leases:
            lease = self._leases.get(renewal.task_id)
            if lease is not None and not renewal.code:
                self.returned(agent, lease.incarnation)

    def take_marks(self) -> list[tuple[str, int]]:
        """Started tasks that are not yet written as such."""
        marks, self._marks = list(self._marks.items()), {}
        return marks

    def put_back(self, marks: list[tuple[str, int]]) -> None:
        """They could not be written; those that still stand are tried again."""
        self._marks |= {id: fence for id, fence in marks if id in self._leases}
