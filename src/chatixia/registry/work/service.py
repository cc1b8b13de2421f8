"""The task service: every ``tasks.*`` verb, and what the live side tells it."""

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
from .ports import PushPort, WorkerLogin
from .removal import Removal
from .watches import Watcher, Watches

log = logging.getLogger("chatixia.registry.work")

TICK: Final = 0.5
STALLED: Final = 1.0
"""A tick that is so late says that this process stood still: what it was sent is still unread."""
TIDY_EVERY: Final = 60.0
FETCHED: Final = 4096
"""Tasks whose results were fetched and that are not yet written so; beyond, they are not."""
REMOVED: Final = 2.0
"""Seconds that `revoke` waits for the tasks of whoever it put out."""
Handler = Callable[[Principal, Any], Awaitable[Any]]


class TaskService:
    """All task verbs. ``handlers[name](principal, request)`` answers with the verb's reply.

    ``is_out(namespace, id)``: whether the owner put out that id, or its machine.
    """

    def __init__(
        self,
        store: Store,
        world: World,
        pushes: PushPort,
        is_out: Callable[[str, str], bool] = lambda ns, name: False,
    ) -> None:
        self._store, self._world, self._pushes = store, world, pushes
        self._background = BackgroundTasks(_upkeep_failed)
        self._leases = LeaseTable(store, pushes, self._background.spawn)
        self._watches = Watches(pushes)
        self.followers = Followers()
        self._fetched: dict[int, str] = {}
        self.is_out = is_out
        self._stopping = asyncio.Event()
        self._removal = Removal(store, self._leases, self._stopping)
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
        self._leases.load(await self._store.held())
        self._background.spawn(self._run())

    async def stop(self) -> None:
        """Stop sweeping and pushing; leases stay as they are."""
        self.followers.close()
        self._stopping.set()
        self._leases.close()
        await self._background.wait()
        self._deaf()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            began = self._world.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK)
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
        return waited > TICK + STALLED

    async def sweep(self) -> None:
        """Do what time demands; nothing is written if nothing is due."""
        due = self._store.next_due()
        marks = self._leases.take_marks()
        if marks or (due is not None and due <= self._store.now()):
            await self._sweep(marks)
        if self._fetched:
            fetched, self._fetched = self._fetched, {}
            await self._store.fetched([(holder, n) for n, holder in fetched.items()])
        while await self._store.trim():
            pass
        if self._store.now() - self._tidied >= TIDY_EVERY:
            self._tidied = self._store.now()
            while await self._store.tidy() >= PER_GROUP:
                pass

    async def _sweep(self, marks: list[tuple[str, int]]) -> None:
        try:
            while await self._store.sweep(marks, self._leases.away()) == PER_GROUP:
                marks = self._leases.take_marks()
        except MeshError:
            self._leases.put_back(marks)
            raise

    # --- what the live side tells -------------------------------------------------------------

    def online(self, worker: WorkerLogin) -> None:
        """An agent logged in, or its slots or skills changed. Not for clients, keys or people."""
        self._leases.online(worker)

    def offline(
        self, agent: AgentId, incarnation: str, clean: bool = False, silent: bool = False
    ) -> None:
        """Its socket closed; leases of that incarnation end after 5 s (at once if ``clean``).

        ``silent``: nothing was read there, so a loop may only be blocked: they keep their time.
        """
        self._leases.offline(agent, incarnation, clean, silent)

    def lost(self, agent: AgentId, incarnation: str) -> None:
        """Its socket closed without a goodbye, and it did not return in time."""
        self._leases.lost(agent, incarnation)

    def gone(self, who: AgentId, epoch: str) -> None:
        """Any principal's socket closed: its watches end."""
        self._watches.gone(Watcher(who, epoch))

    async def remove(self, ns: str, gone: core.RemovedParties, wait: float = REMOVED) -> None:
        """Whoever was put out: end its tasks, give back its leases. Returns when that is done, or
        after ``wait`` seconds, while it goes on."""
        await asyncio.wait({self._background.spawn(self._removal.run(ns, gone))}, timeout=wait)

    # --- what the store tells -----------------------------------------------------------------

    def _hear(self, notices: list[Notice]) -> None:
        for said in notices:
            if isinstance(said, TaskAssigned):
                self._leases.given(said)
            elif isinstance(said, TaskChanged):
                self._changed(said)

    def _changed(self, said: TaskChanged) -> None:
        row, task = said.row, said.task
        self._leases.changed(said)
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
        if row.holder and len(self._fetched) < FETCHED:
            self._fetched[row.n] = row.holder

    # --- for submitters -----------------------------------------------------------------------

    async def submit(self, who: Principal, said: t.Submit) -> t.Submitted:
        """Accept a task; answered after the fsync."""
        checks.submit(who, said)
        payload = checks.plain_payload(bytes(said.payload))
        await self._know(who.ns, said.target_agent_id)
        if self.is_out(who.ns, who.id) or self.is_out(who.ns, who.machine):
            raise Revoked(agent=who.id)  # meanwhile; nothing awaits from here to the writer's queue
        new = not (said.id or said.key)
        if not said.id:
            said = msgspec.structs.replace(said, id=task_id(self._world))
        return await self._store.submit(SubmitOrder(who, said, payload, checks.lifetime(said), new))

    async def _know(self, ns: str, target: str) -> None:
        """Refuse a target that is no member: nobody would ever come for the task."""
        if not target or target in self._leases.workers:
            return
        if self.is_out(ns, target) or not await self._store.knows(ns, target):
            raise UnknownAgent(f"No agent named {target} is in the mesh.", agent=target)

    async def cancel(self, who: Principal, said: t.Cancel) -> t.Ended:
        """Terminal at once; whoever holds it is told to stop, and both ends why."""
        return await self._store.cancel(who, said.task_id, said.reason)

    async def get(self, who: Principal, said: t.Ref) -> t.Task:
        """One task with payload and result."""
        row, task = await self._store.task(who.ns, said.task_id)
        if not core.may_read(who, row.concern()):
            raise Denied("This task is not yours to read.")
        if core.is_terminal(task.state) and holder_of(who) == row.holder:
            self._has(row)
        return self._watches.show(task)

    async def watch(self, who: Principal, said: t.Watch) -> t.Task:
        """The row now; changes are pushed to this socket until it is terminal."""
        watcher = Watcher(who.id, who.epoch)
        task = await self.get(who, t.Ref(said.task_id))
        if core.is_terminal(task.state) or not who.epoch:
            return task
        self._watches.add(watcher, said.task_id, said.progress)
        # It may have ended while we looked: then no push will come.
        task = await self.get(who, t.Ref(said.task_id))
        if core.is_terminal(task.state):
            self._watches.remove(watcher, said.task_id)
        return task

    async def page(self, who: Principal, said: t.Query) -> t.Tasks:
        """A page, newest first: all for owners and people, else what concerns the asker."""
        checks.page(said)
        cursor = await self._store.cursor()
        page = await self._store.tasks(who, said, who.kind in ("owner", "person"))
        page.cursor = cursor
        page.tasks = [self._watches.show(task) for task in page.tasks]
        return page

    # --- for workers --------------------------------------------------------------------------

    async def claim(self, who: Principal, said: t.Claim) -> t.Grants:
        """Work by asking. An agent that is logged in gets what its skills say."""
        worker = self._leases.workers.get(who.id)
        skills = frozenset(said.skills)
        if worker is not None:
            skills = skills & worker.skills if skills else worker.skills
        return await self._store.claim(who, said, sorted(skills))

    async def claim_by_poll(self, principal: Principal, skills: Iterable[str]) -> list[t.Task]:
        """The described heartbeat: renew all leases of the agent (60 s), then claim."""
        return await self._store.poll(principal, skills)

    async def started(self, who: Principal, said: t.Held) -> Done:
        """The worker took it up: an attempt counts."""
        if self._leases.holds(who.id, who.ns, said.task_id, said.fence):
            self._leases.started(said.task_id)
        else:
            await self._store.started(who, said.task_id, said.fence)
        return Done()

    async def renew(self, who: Principal, said: t.Renew) -> t.Renewed:
        """All leases of one process at once, each answered for itself."""
        done = await self._store.renew(who, said.leases)
        self._leases.renewed(who.id, done)
        return done

    async def progress(self, who: Principal, said: t.Report) -> Done:
        """Keep and push progress or partial output; never a row."""
        await self.started(who, t.Held(said.task_id, said.fence))
        report = TaskProgress(said.task_id, said.fence, said.n, said.fraction, said.note, said.item)
        self._watches.report(report, holder_of(who))
        self.followers.tell(said.task_id, report)
        return Done()

    async def complete(self, who: Principal, said: t.Complete) -> t.Ended:
        """The result, answered after the fsync; repeated, the first answer."""
        result = checks.plain_result(said.result)
        return await self._store.complete(who, said.task_id, said.fence, result)

    async def fail(self, who: Principal, said: t.Fail) -> t.Ended:
        """An error: tried again with back-off if it is retryable and attempts are left."""
        error = msgspec.structs.replace(said.error, message=said.error.message[:1024])
        return await self._store.fail(who, said.task_id, said.fence, error)

    async def release(self, who: Principal, said: t.Held) -> t.Ended:
        """Given back, no attempt counted."""
        return await self._store.release(who, said.task_id, said.fence)

    async def update(self, who: Principal, said: t.Update) -> Done:
        """The described report: ``completed`` or ``failed``, from the holder alone."""
        if said.state not in ("completed", "failed"):
            raise Unprocessable("A worker reports completed or failed.")
        if said.result is not msgspec.UNSET:
            checks.fitting_result(bytes(said.result))
        await self._store.update(who, said)
        return Done()


def _upkeep_failed(error: BaseException) -> None:
    log.warning("upkeep of tasks failed: %s", getattr(error, "code", type(error).__name__))
