"""The task service: every ``tasks.*`` verb, and what the sockets report."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec

from chatixia.background import BackgroundTasks
from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.core.shares import holder_of
from chatixia.errors import Denied, MeshError, Revoked, UnknownAgent, Unprocessable
from chatixia.ids import AgentId
from chatixia.store.control.audit import concerns
from chatixia.store.control.store import Store
from chatixia.store.control.submission import SubmitOrder
from chatixia.store.control.sweep import PER_GROUP
from chatixia.store.control.task_rows import Notice, StoredTask, TaskAssigned, TaskChanged
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskDone, TaskHint, TaskProgress
from chatixia.wire.trust import Done
from chatixia.world import World, task_id

from . import checks
from .followers import Followers
from .leases import LeaseTable
from .metadata import visible
from .ports import PushPort, WorkerLogin
from .removal import Removal
from .watches import Watcher, Watches

log = logging.getLogger("chatixia.registry.work")

TICK_SECONDS: Final = 0.5
STALLED_SECONDS: Final = 1.0
"""A tick that is so late says that this process stood still: what it was sent is still unread."""
TIDY_SECONDS: Final = 60.0
MAX_FETCHED: Final = 4096
"""Tasks whose results were fetched and that are not yet written so; beyond, they are not."""
REMOVAL_SECONDS: Final = 2.0
"""Seconds that `revoke` waits for the end of the revoked member's tasks."""
Handler = Callable[[Principal, Any], Awaitable[Any]]


class TaskService:
    """All task verbs. ``handlers[name](principal, request)`` answers with the verb's reply.

    ``is_removed(namespace, id)``: whether the owner revoked that id, or its machine. ``leases``:
    who works on what. ``drop_ended``: forgets members whose time is over, once a minute.
    """

    def __init__(
        self,
        store: Store,
        world: World,
        pushes: PushPort,
        is_removed: Callable[[str, str], bool] = lambda ns, name: False,
        drop_ended: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._drop_ended = drop_ended
        self._store, self._world, self._pushes = store, world, pushes
        self._background = BackgroundTasks(_upkeep_failed)
        self.leases = LeaseTable(store, pushes, self._background.spawn)
        self._watches = Watches(pushes)
        self.followers = Followers()
        self._fetched: dict[int, str] = {}
        self.is_removed = is_removed
        self._stopping = asyncio.Event()
        self._removal = Removal(store, self.leases, self._stopping)
        self._tidied = 0.0
        self._failed = ""
        self._deaf: Callable[[], None] = lambda: None
        self.handlers: dict[str, Handler] = {
            "tasks.submit": self.submit,
            "tasks.list": self.page,
            "tasks.get": self.get,
            "tasks.watch": self.watch,
            "tasks.cancel": self.cancel,
            "tasks.update": self.update,
            "tasks.claim": self.claim,
            "tasks.started": self.started,
            "tasks.renew": self.renew,
            "tasks.progress": self.progress,
            "tasks.complete": self.complete,
            "tasks.fail": self.fail,
            "tasks.release": self.release,
        }

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Learn what lives, then sweep and push from here on."""
        self._deaf = self._store.listen(self._hear)
        self.leases.load(await self._store.leases.leased())
        self._background.spawn(self._run())

    async def stop(self) -> None:
        """Stop sweeping and pushing; leases stay as they are."""
        self.followers.close()
        self._stopping.set()
        self.leases.close()
        await self._background.wait()
        self._deaf()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            began = self._world.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_SECONDS)
            if self._stood_still(self._world.monotonic() - began):
                continue
            failed = ""
            try:
                await self.sweep()
            except MeshError as error:  # the next tick tries again
                failed = error.code
                if failed != self._failed:
                    log.warning("a sweep failed: %s", failed)
            self._failed = failed

    def _stood_still(self, waited: float) -> bool:
        """Whether a tick came so late that its sweep is left to the next: a task of which nobody
        said in time that it is begun may be begun, and the word for it lie in a socket."""
        return waited > TICK_SECONDS + STALLED_SECONDS

    async def sweep(self) -> None:
        """Do what time demands; nothing is written if nothing is due."""
        due = self._store.upkeep.next_due()
        marks = self.leases.take_marks()
        if marks or (due is not None and due <= self._store.now()):
            await self._sweep(marks)
        if self._fetched:
            fetched, self._fetched = self._fetched, {}
            await self._store.upkeep.fetched([(holder, n) for n, holder in fetched.items()])
        while await self._store.upkeep.trim():
            pass
        if self._store.now() - self._tidied >= TIDY_SECONDS:
            self._tidied = self._store.now()
            while await self._store.upkeep.tidy() >= PER_GROUP:
                pass
            if self._drop_ended is not None:
                await self._drop_ended()

    async def _sweep(self, marks: list[tuple[str, int]]) -> None:
        try:
            while await self._store.upkeep.sweep(marks, self.leases.away()) == PER_GROUP:
                marks = self.leases.take_marks()
        except MeshError:
            self.leases.put_back(marks)
            raise

    # --- what the sockets report -------------------------------------------------------------

    def online(self, worker: WorkerLogin) -> None:
        """An agent logged in, or its slots or skills changed. Not for clients, keys or people."""
        self.leases.online(worker)

    def offline(
        self, agent: AgentId, incarnation: str, clean: bool = False, silent: bool = False
    ) -> None:
        """Its socket closed; leases of that incarnation end after 5 s (at once if ``clean``).

        ``silent``: nothing was read there, so a loop may only be blocked: they keep their time.
        """
        self.leases.offline(agent, incarnation, clean, silent)

    def lost(self, agent: AgentId, incarnation: str) -> None:
        """Its socket closed without a goodbye, and it did not return in time."""
        self.leases.lost(agent, incarnation)

    def login_ended(self, party: AgentId, epoch: str) -> None:
        """Any principal's socket closed: its watches end."""
        self._watches.forget(Watcher(party, epoch))

    async def remove(
        self, ns: str, parties: core.RemovedParties, wait: float = REMOVAL_SECONDS
    ) -> None:
        """End the tasks of removed parties and give back their leases.

        Returns when that is done, or after ``wait`` seconds, while it goes on.
        """
        await asyncio.wait({self._background.spawn(self._removal.run(ns, parties))}, timeout=wait)

    # --- what the store reports -----------------------------------------------------------------

    def _hear(self, notices: list[Notice]) -> None:
        for notice in notices:
            if isinstance(notice, TaskAssigned):
                self.leases.assigned(notice)
            elif isinstance(notice, TaskChanged):
                self._changed(notice)

    def _changed(self, notice: TaskChanged) -> None:
        row, task = notice.row, notice.task
        self.leases.changed(notice)
        if core.is_terminal(task.state):
            done = TaskDone(self._watches.show(task))
            if self._pushes.push(AgentId(row.source), done):
                self._has(row)
            self._watches.tell(row.id, done, but=row.source)
            self._watches.end(row.id)
            self.followers.tell(row.id, done)
        else:
            hint = TaskHint(row.id, task.state, task.fence)
            self._watches.tell(row.id, hint)
            self.followers.tell(row.id, hint)

    def _has(self, row: StoredTask) -> None:
        """The submitter has the result."""
        if row.holder and len(self._fetched) < MAX_FETCHED:
            self._fetched[row.n] = row.holder

    # --- for submitters -----------------------------------------------------------------------

    async def submit(self, principal: Principal, request: t.Submit) -> t.Submitted:
        """Accept a task; answered after the fsync."""
        checks.submit(principal, request)
        payload = checks.plain_payload(bytes(request.payload))
        await self._know(principal.ns, request.target_agent_id)
        ns, removed = principal.ns, self.is_removed
        if removed(ns, principal.id) or removed(ns, principal.machine):
            # Meanwhile; nothing awaits from here to the writer's queue.
            raise Revoked(agent=principal.id)
        new = not (request.id or request.key)
        if not request.id:
            request = msgspec.structs.replace(request, id=task_id(self._world))
        concerns(
            request.id, detail=f"{request.skill or 'any'} at {request.target_agent_id or 'any'}"
        )
        order = SubmitOrder(principal, request, payload, checks.lifetime(request), new)
        return await self._store.tasks.submit(order)

    async def _know(self, ns: str, target: str) -> None:
        """Refuse a target that is not a member: no agent would ever take the task."""
        if not target or target in self.leases.workers:
            return
        if self.is_removed(ns, target) or not await self._store.members.knows(ns, target):
            raise UnknownAgent(f"No agent named {target} is in the mesh.", agent=target)

    async def cancel(self, principal: Principal, request: t.Cancel) -> t.Ended:
        """Terminal at once; its worker is told to stop, and both ends why."""
        return await self._store.tasks.cancel(principal, request.task_id, request.reason)

    async def get(self, principal: Principal, request: t.Ref) -> t.Task:
        """One task with payload and result."""
        row, task = await self._store.tasks.get(principal.ns, request.task_id)
        if not core.may_read(principal, row.concern()):
            raise Denied("This task is not yours to read.")
        if core.is_terminal(task.state) and holder_of(principal) == row.holder:
            self._has(row)
        return visible(self._watches.show(task), principal)

    async def watch(self, principal: Principal, request: t.Watch) -> t.Task:
        """The row now; changes are pushed to this socket until it is terminal."""
        watcher = Watcher(principal.id, principal.epoch)
        task = await self.get(principal, t.Ref(request.task_id))
        if core.is_terminal(task.state) or not principal.epoch:
            return task
        self._watches.add(watcher, request.task_id, request.progress)
        # It may have ended while we looked: then no push will come.
        task = await self.get(principal, t.Ref(request.task_id))
        if core.is_terminal(task.state):
            self._watches.remove(watcher, request.task_id)
        return task

    async def page(self, principal: Principal, request: t.Query) -> t.Tasks:
        """A page, newest first: all for owners and people, else what concerns the asker."""
        checks.page(request)
        cursor = await self._store.events.cursor()
        page = await self._store.tasks.page(
            principal, request, principal.kind in ("owner", "person")
        )
        page.cursor = cursor
        page.tasks = [visible(self._watches.show(task), principal) for task in page.tasks]
        return page

    # --- for workers --------------------------------------------------------------------------

    async def claim(self, principal: Principal, request: t.Claim) -> t.Grants:
        """Work by asking. An agent that is logged in gets what its skills say."""
        worker = self.leases.workers.get(principal.id)
        skills = frozenset(request.skills)
        if worker is not None:
            skills = skills & worker.skills if skills else worker.skills
        return await self._store.leases.claim(principal, request, sorted(skills))

    async def claim_by_poll(self, principal: Principal, skills: Iterable[str]) -> list[t.Task]:
        """The described heartbeat: renew all leases of the agent (60 s), then claim."""
        return await self._store.leases.poll(principal, skills)

    async def started(self, principal: Principal, request: t.Held) -> Done:
        """The worker took it up: an attempt counts."""
        if self.leases.holds(principal.id, principal.ns, request.task_id, request.fence):
            self.leases.started(request.task_id)
        else:
            await self._store.leases.started(principal, request.task_id, request.fence)
        return Done()

    async def renew(self, principal: Principal, request: t.Renew) -> t.Renewed:
        """All leases of one process at once, each answered for itself."""
        done = await self._store.leases.renew(principal, request.leases)
        self.leases.renewed(principal.id, done)
        return done

    async def progress(self, principal: Principal, request: t.Report) -> Done:
        """Keep and push progress or partial output; never a row."""
        checks.fitting_event(request.event)
        await self.started(principal, t.Held(request.task_id, request.fence))
        report = TaskProgress(
            request.task_id,
            request.fence,
            request.n,
            request.fraction,
            request.note,
            request.item,
            request.event,
        )
        self._watches.report(report, holder_of(principal))
        self.followers.tell(request.task_id, report)
        return Done()

    async def complete(self, principal: Principal, request: t.Complete) -> t.Ended:
        """The result, answered after the fsync; repeated, the first answer."""
        result = checks.plain_result(request.result)
        return await self._store.leases.complete(principal, request.task_id, request.fence, result)

    async def fail(self, principal: Principal, request: t.Fail) -> t.Ended:
        """An error: tried again with back-off if it is retryable and attempts are left."""
        error = msgspec.structs.replace(request.error, message=request.error.message[:1024])
        return await self._store.leases.fail(principal, request.task_id, request.fence, error)

    async def release(self, principal: Principal, request: t.Held) -> t.Ended:
        """Given back, no attempt counted."""
        return await self._store.leases.release(principal, request.task_id, request.fence)

    async def update(self, principal: Principal, request: t.Update) -> Done:
        """The described report: ``completed`` or ``failed``, from the holder alone."""
        if request.state not in ("completed", "failed"):
            raise Unprocessable("A worker reports completed or failed.")
        if request.result is not msgspec.UNSET:
            checks.fitting_result(bytes(request.result))
        await self._store.leases.update(principal, request)
        return Done()


def _upkeep_failed(error: BaseException) -> None:
    log.warning("upkeep of tasks failed: %s", getattr(error, "code", type(error).__name__))
